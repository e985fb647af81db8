"""A run's workspace as its files configure it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.user_state import TrustFile
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.workspace import Run, RunOptions, TrustQuestion, Workspace
from atmos_ai_sidecar.composition.workspaces import Workspaces
from atmos_ai_sidecar.domain.audit import AuditEntry
from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.trust import TrustRecord
from atmos_ai_sidecar.errors import AtmosNotFoundError, ProjectUntrustedError, StorageCorruptError

OWNER = "0123456789abcdef"


class Process:
    """One process's workspaces on one project."""

    def __init__(self, directory: Path) -> None:
        clock = SystemClock()
        self.directory = directory.resolve()
        self.workspaces = Workspaces(clock=clock, approvals=Approvals(clock=clock, owner=OWNER), instance_id=OWNER)

    def configure(self, sessions: str, more: str = "tools: {enabled: false}") -> None:
        text = f"base_path: .\nai: {{enabled: true, sessions: {{{sessions}}}, {more}}}\n"
        (self.directory / "atmos.yaml").write_text(text)

    def open(
        self, *, trusts: bool = True, stores_all: bool = False, needs_trust: bool = True, may_forget: bool = False
    ) -> AbstractAsyncContextManager[Workspace]:
        run = Run(run_id="r", directory=str(self.directory), environment={"HOME": str(self.directory)})
        options = RunOptions(trust_project=trusts, stores_all=stores_all, may_forget=may_forget)
        return self.workspaces.open(run, options, needs_trust=needs_trust)

    async def stored(self) -> list[str]:
        """The names of the sessions that a later command would list."""
        async with self.open(needs_trust=False) as workspace:
            return [session.name for session in (await workspace.sessions.list(limit=50)).sessions]


@pytest.fixture
async def process(tmp_path: Path) -> AsyncIterator[Process]:
    async with asyncio.timeout(20):
        process = Process(tmp_path)
        yield process
        await process.workspaces.close()


async def test_sessions_are_stored_as_a_rule(process: Process) -> None:
    process.configure("max_sessions: 3")
    async with process.open() as workspace:
        await workspace.sessions.create(name="a")
        described = workspace.describe()
        assert workspace.drafts is None
        assert workspace.sessions.listed == 3
    assert not described.is_ephemeral
    assert not described.saves_on_request
    assert await process.stored() == ["a"]


async def test_old_rows_of_the_audit_trail_go_where_the_configuration_says_so(process: Process) -> None:
    process.configure("", "tools: {enabled: false}, permissions: {audit_retention_days: 30}")
    async with process.open() as workspace:
        await workspace.audit.write(AuditEntry(time="2020-01-01T00:00:00+00:00", tool="plan"))
        await workspace.audit.write(AuditEntry(time=SystemClock().now().isoformat(), tool="plan"))
        await workspace.sessions.create(name="a")
        verdict = await workspace.audit.verify()
    assert (verdict.removed, verdict.rows, verdict.broken) == (1, 2, 0)


async def test_an_age_longer_than_the_calendar_stops_no_session(process: Process) -> None:
    process.configure(f"retention_days: {10**12}", f"permissions: {{audit_retention_days: {10**12}}}")
    async with process.open(needs_trust=False) as workspace:
        await workspace.sessions.create(name="a")


async def test_without_auto_save_only_what_is_saved_is_stored(process: Process) -> None:
    process.configure("auto_save: false")
    async with process.open() as workspace:
        kept, _ = await workspace.sessions.resume_or_create("kept")
        await workspace.sessions.create(name="lost")
        await workspace.sessions.add_message(kept.id, Role.USER, "Remember this")
        assert workspace.describe().saves_on_request
        assert workspace.drafts is not None
        await workspace.drafts.save(kept.id)
        await workspace.sessions.add_message(kept.id, Role.USER, "and forget this")
    assert await process.stored() == ["kept"]
    async with process.open() as workspace:
        again = await workspace.sessions.get_by_name("kept")
        assert [message.text for message in await workspace.sessions.messages(again.id)] == ["Remember this"]


async def test_programs_store_what_they_create_also_without_auto_save(process: Process) -> None:
    process.configure("auto_save: false")
    async with process.open(stores_all=True) as workspace:
        await workspace.sessions.create(name="a")
        assert not workspace.describe().saves_on_request
    assert await process.stored() == ["a"]


async def test_switched_off_sessions_leave_nothing_behind(process: Process) -> None:
    process.configure("enabled: false, auto_save: false")
    async with process.open() as workspace:
        await workspace.sessions.create(name="a")
        described = workspace.describe()
        assert workspace.drafts is None
    assert described.is_ephemeral
    assert not described.saves_on_request
    assert await process.stored() == []
    assert not (process.directory / ".atmos").exists()


async def test_switched_off_tools_are_offered_to_nobody(process: Process) -> None:
    process.configure("")
    async with process.open() as workspace:
        assert list(workspace.tools.registry.list()) == []


async def test_what_is_stored_can_be_worked_on_where_there_is_no_atmos(process: Process) -> None:
    process.configure("")
    async with process.open() as workspace:
        await workspace.sessions.create(name="a")
    process.configure("", "tools: {enabled: true}")
    assert await process.stored() == ["a"]
    with pytest.raises(AtmosNotFoundError):
        async with process.open():
            pass


async def test_a_question_about_trust_reads_what_is_remembered_once(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    process.configure("")
    read: list[str] = []
    load = TrustFile.load

    def counted(self: TrustFile, directory: str) -> TrustRecord | None:
        read.append(directory)
        return load(self, directory)

    monkeypatch.setattr(TrustFile, "load", counted)
    with pytest.raises(ProjectUntrustedError):
        async with process.open(trusts=False):
            pass
    assert read == [str(process.directory)]


async def test_a_project_that_changed_is_asked_about_with_what_changed(process: Process) -> None:
    process.configure("")
    run = Run(run_id="r", directory=str(process.directory), environment={"HOME": str(process.directory)})
    asked: list[TrustQuestion] = []

    async def agree(question: TrustQuestion) -> bool:
        asked.append(question)
        return True

    for settings in ("", "", "max_sessions: 4"):
        process.configure(settings)
        async with process.workspaces.open(run, RunOptions(), confirm_trust=agree):
            pass
    assert [question.has_changed for question in asked] == [False, True]
    assert "  atmos.yaml changed" in asked[1].lines


def spoil_the_store(process: Process) -> Path:
    path = process.directory / ".atmos" / "sessions" / "sidecar.db"
    path.parent.mkdir(parents=True)
    path.write_text("notes")
    return path


async def test_a_run_that_may_forget_goes_on_without_a_store_that_is_no_use(process: Process) -> None:
    process.configure("")
    path = spoil_the_store(process)
    async with process.open(may_forget=True) as workspace:
        await workspace.sessions.create(name="a")
        described = workspace.describe()
    assert described.is_ephemeral
    assert str(path) in described.storage_problem
    assert path.read_text() == "notes"
    with pytest.raises(StorageCorruptError):
        async with process.open():
            pass


async def test_a_budget_of_sessions_is_not_forgotten_with_them(process: Process) -> None:
    process.configure("", "budget: {session: {max_tokens: 100}}")
    spoil_the_store(process)
    with pytest.raises(StorageCorruptError):
        async with process.open(may_forget=True):
            pass
