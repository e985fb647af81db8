import asyncio
import json
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_sqlite_store
from atmos_ai_sidecar.adapters.user_state import AuditSealFile, AuditSealInMemory
from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.domain.audit import AuditEntry, Verdict
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import ListEntry, Mode, PermissionSettings
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool, ToolRegistry
from atmos_ai_sidecar.errors import StorageBusyError, StorageCorruptError, ToolExecutionFailedError
from tests.fakes.approver import FakeApprover
from tests.fakes.audit_log import FakeAuditLog, FakeSealStore, fake_audit
from tests.fakes.clock import START, FakeClock
from tests.fakes.grants import FakeGrantStore, fake_grants

ROOT = Path(__file__).parents[2]


@dataclass
class Place:
    """A project's database, and what the user's state directory has about it."""

    store: SqliteStore
    database: Path
    seals: AuditSealFile

    @property
    def audit(self) -> Audit:
        return Audit(self.store, self.seals, FakeClock(), redact_json=lambda values: values)

    def change(self, statement: str) -> None:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute(statement)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    database = tmp_path / "sessions" / "sidecar.db"
    store = await open_sqlite_store(database, FakeClock())
    yield Place(store, database, AuditSealFile(tmp_path / "state" / "atmos-ai", "/p", "sqlite"))
    await store.close()


def entry(number: int = 0, **fields: Any) -> AuditEntry:
    return AuditEntry(time=f"t{number}", tool="plan", **fields)


async def test_nothing_written_is_nothing_broken(place: Place) -> None:
    assert (await place.audit.verify()).broken == 0
    assert [row async for row in place.audit.rows()] == []
    assert list(await place.audit.newest(limit=5)) == []


async def test_what_was_written_is_read_in_order_and_is_sound(place: Place) -> None:
    for number in range(1, 4):
        await place.audit.write(entry(number, session_id=f"s{number % 2}"))
    assert [json.loads(row.entry)["time"] async for row in place.audit.rows()] == ["t1", "t2", "t3"]
    newest = await place.audit.newest(limit=9, session_id="s1")
    assert [json.loads(row.entry)["time"] for row in newest] == ["t3", "t1"]
    assert (await place.audit.verify()).rows == 3


@pytest.mark.parametrize(
    ("statement", "broken"),
    [
        ("UPDATE audit SET entry = replace(entry, 'plan', 'look') WHERE number = 2", 2),
        ("UPDATE audit SET code = '00' WHERE number = 3", 3),
        ("DELETE FROM audit WHERE number = 1", 1),
        ("DELETE FROM audit WHERE number = 2", 2),
        ("DELETE FROM audit WHERE number = 3", 3),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET number = 6 - number WHERE number <> 2", 1),
        ("UPDATE audit SET number = number + 1 WHERE number = 3", 3),
        ("INSERT INTO audit SELECT chain, 4, entry, code FROM audit WHERE number = 3", 4),
        ("UPDATE audit SET chain = 'x'", 1),
    ],
)
async def test_the_first_broken_row_is_named(place: Place, statement: str, broken: int) -> None:
    for number in range(1, 4):
        await place.audit.write(entry(number))
    place.change(statement)
    assert (await place.audit.verify()).broken == broken


async def test_the_seal_is_outside_of_the_project_and_for_the_user_alone(place: Place) -> None:
    await place.audit.write(entry())
    assert place.seals.path.stat().st_mode & 0o777 == 0o600
    key = json.loads(place.seals.path.read_text())["key"]
    assert len(bytes.fromhex(key)) == 32
    for file in place.database.parent.iterdir():
        assert key.encode() not in file.read_bytes()


@pytest.mark.parametrize("content", ["", "{}", '{"version": 1, "project": "/q"}', '{"version": 1, "project": "/p"}'])
async def test_a_broken_seal_is_left_alone_and_nothing_is_written(place: Place, content: str) -> None:
    await place.audit.write(entry())
    place.seals.path.write_text(content)
    for attempt in (place.audit.write(entry()), place.audit.verify()):
        with pytest.raises(StorageCorruptError):
            await attempt
    assert place.seals.path.read_text() == content


async def test_a_row_that_somebody_else_put_there_stops_the_chain(place: Place) -> None:
    await place.audit.write(entry())
    place.change("INSERT INTO audit SELECT chain, 2, entry, 'forged' FROM audit")
    for _ in range(2):
        with pytest.raises(StorageCorruptError, match="row 2"):
            await place.audit.write(entry())
    assert (await place.audit.verify()).broken == 2


async def test_a_cancelled_writer_leaves_a_whole_chain(place: Place) -> None:
    audit = place.audit
    for _ in range(5):
        writing = asyncio.create_task(audit.write(entry()))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
    await audit.close()
    assert (await audit.verify()).rows == 5


async def test_a_chain_in_memory_is_sound_too(place: Place) -> None:
    audit = Audit(place.store, AuditSealInMemory(), FakeClock(), redact_json=dict)
    await asyncio.gather(*(audit.write(entry(number)) for number in range(10)))
    assert (await audit.verify()).rows == 10


PROGRAM = """
import asyncio, pathlib, sys
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.adapters.user_state import AuditSealFile
from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.domain.audit import AuditEntry, Verdict

async def main(database, state, count):
    store = await open_sqlite_store(pathlib.Path(database), SystemClock())
    seals = AuditSealFile(pathlib.Path(state), "/p", "sqlite")
    audit = Audit(store, seals, SystemClock(), redact_json=dict)
    for number in range(int(count)):
        await audit.write(AuditEntry(time=str(number), tool="plan"))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def writer(place: Place, count: int, **environment: str) -> asyncio.subprocess.Process:
    state = place.seals.path.parents[2]
    arguments = [sys.executable, "-c", PROGRAM, str(place.database), str(state), str(count)]
    return await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env={**os.environ, **environment})


async def test_processes_that_write_at_once_make_one_sound_chain(place: Place) -> None:
    async with asyncio.timeout(60):
        writers = await asyncio.gather(*(writer(place, 20) for _ in range(3)))
        assert [await one.wait() for one in writers] == [0, 0, 0]
    assert (await place.audit.verify()).rows == 60


async def test_a_crash_between_row_and_head_is_repaired(place: Place) -> None:
    async with asyncio.timeout(30):
        killed = await writer(place, 5, ATMOS_AI_FAILPOINTS="audit.committed=kill@3")
        assert await killed.wait() == -signal.SIGKILL
    verdict = await place.audit.verify()
    assert (verdict.rows, verdict.broken, verdict.note) == (3, 0, "")
    await place.audit.write(entry())
    assert (await place.audit.verify()).rows == 4
    place.change("DELETE FROM audit WHERE number = 4")
    assert (await place.audit.verify()).broken == 4


async def test_a_crash_before_the_row_is_told_and_then_stands_in_the_chain(place: Place) -> None:
    async with asyncio.timeout(30):
        killed = await writer(place, 5, ATMOS_AI_FAILPOINTS="audit.commit=kill@3")
        assert await killed.wait() == -signal.SIGKILL
    verdict = await place.audit.verify()
    assert (verdict.rows, verdict.broken) == (2, 0)
    assert "row 3 was announced" in verdict.note
    await place.audit.write(entry())
    entries = [json.loads(row.entry) async for row in place.audit.rows()]
    assert [one["outcome"] for one in entries] == ["started", "started", "lost", "started"]
    assert (await place.audit.verify()).note == ""


async def years(place: Place) -> Audit:
    """A trail with a row of each year from 2018 to 2025."""
    for year in range(2018, 2026):
        await place.audit.write(AuditEntry(time=f"{year}-06-01T00:00:00+00:00", tool="plan"))
    return place.audit


def since(year: int) -> timedelta:
    return START - datetime(year, 1, 1, tzinfo=UTC)


async def test_the_oldest_rows_go_and_the_rest_is_sound_and_tells_of_it(place: Place) -> None:
    audit = await years(place)
    assert await audit.clean(since(2020), dry_run=True) == 2
    assert (await audit.verify()) == Verdict(rows=8)
    assert await audit.clean(since(2020)) == 2
    assert (await audit.verify()) == Verdict(rows=7, removed=2, removed_before="2020-01-01T00:00:00+00:00")
    last = json.loads([row.entry async for row in audit.rows()][-1])
    told = "rows 1 to 2, from before 2020-01-01T00:00:00+00:00, were removed"
    assert (last["outcome"], last["reason"]) == ("cleaned", told)
    assert await audit.clean(since(2020)) == 0
    assert await audit.clean(since(2023)) == 3
    await audit.write(entry())
    assert (await audit.verify()).rows == 6


async def test_what_is_left_is_as_safe_as_before(place: Place) -> None:
    audit = await years(place)
    await audit.clean(since(2020))
    for statement, broken in (
        ("DELETE FROM audit WHERE number = 3", 3),
        ("UPDATE audit SET entry = replace(entry, 'plan', 'look') WHERE number = 4", 3),
    ):
        place.change(statement)
        assert (await audit.verify()).broken == broken


async def test_a_broken_row_is_not_swept_away_with_the_old_ones(place: Place) -> None:
    audit = await years(place)
    place.change("UPDATE audit SET entry = replace(entry, 'plan', 'look') WHERE number = 2")
    with pytest.raises(StorageCorruptError, match="Row 2"):
        await audit.clean(since(2024))
    await audit.retain(since(2024))
    assert (await audit.verify()).broken == 2


async def test_old_rows_that_a_dead_process_left_or_somebody_put_back_do_not_count(place: Place) -> None:
    audit = await years(place)
    place.change("CREATE TABLE kept AS SELECT * FROM audit")
    await audit.clean(since(2020))
    place.change("INSERT OR IGNORE INTO audit SELECT * FROM kept")
    place.change("DROP TABLE kept")
    assert (await audit.verify()).rows == 7
    assert [row.number for row in await audit.newest(limit=99)] == [9, 8, 7, 6, 5, 4, 3]
    assert await audit.clean(since(2020)) == 0
    assert [row.number async for row in audit.rows()] == [3, 4, 5, 6, 7, 8, 9]


@dataclass
class Office:
    """An executor with an audit trail, over a tool that does what a test says."""

    run: Callable[[], Result]
    effect: Effect = Effect.WRITE
    name: str = "change"
    """What the model calls."""

    def __post_init__(self) -> None:
        self.log, self.seals = FakeAuditLog(), FakeSealStore()
        self.approver, self.store = FakeApprover(), FakeGrantStore()
        self.clock = FakeClock()
        self.policy = PermissionSettings()

    async def call(self, **values: Any) -> Result:
        async def execute(_values: object, _execution: Execution) -> Result:
            return self.run()

        tool = Tool(
            name="change",
            description="",
            parameters=(Parameter(name="to", type="string", description=""),),
            effect=self.effect,
            execute=execute,
            requires_permission=self.effect is not Effect.READ,
        )
        executor = ToolExecutor(
            registry=ToolRegistry([tool]),
            approver=self.approver,
            redactor=Redactor(),
            clock=self.clock,
            audit=fake_audit(self.log, self.seals),
            grants=fake_grants(self.store, self.clock),
        )
        call = ToolCall(id="call-1", name=self.name, input=values)
        context = CallContext(session_id="s", turn_id="t")
        async with asyncio.timeout(5):
            policy = replace(self.policy, grants=self.store.grants)
            return (await executor.execute(call, context=context, policy=policy, emit=lambda _: None)).result

    @property
    def rows(self) -> list[tuple[str, str, str]]:
        entries = [json.loads(row.entry) for row in self.log.rows]
        return [(one["decision"], one["answered_by"], one["outcome"]) for one in entries]


def works() -> Result:
    return Result(success=True)


def fails() -> Result:
    raise ToolExecutionFailedError("It failed.")


PASSED = [("allow", "", "started"), ("allow", "", "succeeded")]
BROKE = [("allow", "", "started"), ("allow", "", "failed")]


@pytest.mark.parametrize(
    ("policy", "answer", "run", "rows"),
    [
        (PermissionSettings(mode=Mode.ALLOW), Answer.ALLOW_ONCE, works, PASSED),
        (PermissionSettings(mode=Mode.ALLOW), Answer.ALLOW_ONCE, fails, BROKE),
        (PermissionSettings(mode=Mode.DENY), Answer.ALLOW_ONCE, works, [("deny", "", "refused")]),
        (PermissionSettings(yolo=True), Answer.ALLOW_ONCE, works, PASSED),
        (
            PermissionSettings(),
            Answer.ALLOW_ONCE,
            works,
            [("ask", "me: allow_once", "started"), ("ask", "me: allow_once", "succeeded")],
        ),
        (PermissionSettings(), Answer.REJECT_ONCE, works, [("ask", "me: reject_once", "refused")]),
        (PermissionSettings(), Answer.UNATTENDED, works, [("ask", "me: unattended", "refused")]),
    ],
)
async def test_every_decision_is_written_down_with_who_answered_and_how_it_ended(
    policy: PermissionSettings, answer: Answer, run: Callable[[], Result], rows: list[tuple[str, str, str]]
) -> None:
    office = Office(run)
    office.policy, office.approver.answer = policy, answer
    await office.call(to="x")
    assert office.rows == rows


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("change", {"to": 3}, "to"),
        ("change", {"to": "x", "hush": "x"}, "<<secret:1>>"),
        ("change", {"to": "<<secret:1>>"}, "placeholder"),
        ("n" * 5_000, {}, "There is no tool"),
    ],
)
async def test_a_call_that_nothing_is_decided_about_is_written_down_as_invalid(
    name: str, values: dict[str, Any], reason: str
) -> None:
    office = Office(works)
    office.name = name
    assert not (await office.call(**values)).success
    assert office.rows == [("", "", "invalid")]
    (written,) = (json.loads(row.entry) for row in office.log.rows)
    assert reason in written["reason"]
    assert written["tool"] == name[:200]
    office.log.problem = StorageBusyError("The store is busy.")
    assert not (await office.call(**values)).success


async def test_a_row_has_the_rule_the_redacted_input_and_the_digest_of_the_whole() -> None:
    office = Office(works)
    office.policy = PermissionSettings(blocked=(ListEntry(pattern="change", file="atmos.yaml", line=7),))
    await office.call(to="hush")
    await office.call(to="other")
    first, second = (json.loads(row.entry) for row in office.log.rows)
    assert first["rule"] == "ai.tools.blocked: change (atmos.yaml:7)"
    assert first["input"] == '{"to":"<<secret:1>>"}'
    assert len({first["input_digest"], second["input_digest"]}) == 2
    assert (first["session_id"], first["turn_id"], first["tool_call_id"]) == ("s", "t", "call-1")


async def test_a_remembered_rule_shows_no_secret_of_the_input() -> None:
    office = Office(works)
    office.store.add(Grant(tool="change", allow=True, input={"to": "hush"}))
    assert (await office.call(to="hush")).success
    assert all("hush" not in row.entry for row in office.log.rows)


async def test_what_cannot_be_written_down_does_not_run_unless_it_only_reads() -> None:
    for effect, runs in ((Effect.WRITE, False), (Effect.READ, True)):
        office = Office(works, effect)
        office.policy = PermissionSettings(mode=Mode.ALLOW)
        office.log.problem = StorageBusyError("The store is busy.")
        assert (await office.call()).success is runs


async def test_a_cancelled_call_is_written_down_as_cancelled() -> None:
    def cancel() -> Result:
        raise asyncio.CancelledError

    office = Office(cancel)
    office.policy = PermissionSettings(mode=Mode.ALLOW)
    with pytest.raises(asyncio.CancelledError):
        await office.call()
    assert [outcome for _, _, outcome in office.rows] == ["started", "cancelled"]


async def test_uses_of_a_grant_are_counted_until_it_expires() -> None:
    office = Office(works)
    office.approver.answer = Answer.REJECT_ONCE
    office.store.add(Grant(tool="change", allow=True, input={"to": "x"}, expire_time=START + timedelta(seconds=10)))
    assert (await office.call(to="x")).success
    assert (await office.call(to="x")).success
    assert not (await office.call(to="y")).success
    assert [grant.uses for grant in office.store.grants] == [2]
    office.clock.advance(10)
    assert not (await office.call(to="x")).success


async def test_an_answer_to_something_else_lets_nothing_run() -> None:
    office = Office(works)
    office.approver.still_holds = False
    result = await office.call(to="x")
    assert "not what the user was asked about" in result.error
    assert office.rows == [("ask", "me: allow_once", "refused")]
