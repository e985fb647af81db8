"""The file tools as a user has them: a real workspace on a copy of the demo project, asked by the offline model."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.application.approvals import Approvals, Prompter, Question
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.workspace import Run, RunOptions, Workspace
from atmos_ai_sidecar.composition.workspaces import Workspaces
from atmos_ai_sidecar.demo.offline_model.process import start_offline_model
from atmos_ai_sidecar.domain.events import StopReason, ToolCallFinished, TurnFinished
from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.sessions import SessionId

DEMO = Path(__file__).parents[2] / "atmos_ai_sidecar" / "demo"
PROD = "stacks/deploy/ue1-prod.yaml"
CATALOG = "stacks/catalog/vpc.yaml"


@pytest.fixture(scope="module")
def model_url() -> Iterator[str]:
    with start_offline_model() as model:
        yield model.url


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "fleet"
    shutil.copytree(DEMO / "project", folder)
    return folder


@dataclass
class Desk:
    """Somebody at a terminal who allows everything and keeps what was asked."""

    workspace: Workspace
    session_id: SessionId
    questions: list[str] = field(default_factory=list)
    results: list[ToolCallFinished] = field(default_factory=list)

    async def say(self, text: str) -> str:
        """The model's answer."""
        async with asyncio.timeout(30), self.workspace.chat.events(self.session_id) as events:
            await self.workspace.chat.start_turn(self.session_id, text, attendance=Attendance.PRESENT)
            async for event in events:
                if isinstance(event.event, ToolCallFinished):
                    self.results.append(event.event)
                if isinstance(event.event, TurnFinished):
                    assert event.event.stop_reason is StopReason.END_TURN, event.event
                    break
        (message,) = await self.workspace.sessions.messages(self.session_id, limit=1)
        assert message.role is Role.ASSISTANT
        return message.text

    async def allow(self, approvals: Approvals, prompter: Prompter) -> None:
        async for event in prompter:
            if isinstance(event, Question):
                request = event.request
                self.questions.append("\n".join(request.lines))
                await approvals.answer(request.id, "allow_once", shown_digest=request.digest, resolved_by="test")


@pytest.fixture
async def desk(project: Path, tmp_path: Path, model_url: str) -> AsyncIterator[Desk]:
    async with opened(project, tmp_path, model_url) as desk:
        yield desk


@asynccontextmanager
async def opened(project: Path, tmp_path: Path, model_url: str) -> AsyncIterator[Desk]:
    clock = SystemClock()
    approvals = Approvals(clock=clock, owner="test")
    workspaces = Workspaces(clock=clock, approvals=approvals, instance_id="test")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "ATMOS_AI_ATMOS": str(DEMO / "bin" / "atmos"),
        "ANTHROPIC_BASE_URL": model_url,
        "ANTHROPIC_API_KEY": "test",
    }
    run = Run(run_id="run", directory=str(project), environment=environment, umask=0o022)
    async with workspaces.open(run, RunOptions(trust_project=True)) as workspace:
        session = await workspace.sessions.create(name="files")
        desk = Desk(workspace, session.id)
        with approvals.attach("test") as prompter:
            answering = asyncio.create_task(desk.allow(approvals, prompter))
            try:
                yield desk
            finally:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)
    await workspaces.close()


async def test_a_file_is_shown(desk: Desk) -> None:
    assert "```yaml\ncomponents:" in await desk.say(f"Show {CATALOG}")
    assert desk.questions == []


async def test_files_are_searched_and_listed(desk: Desk) -> None:
    assert PROD in await desk.say("Where is multi_az set?")
    assert CATALOG in await desk.say("Which files are in the catalog?")
    assert desk.questions == []


async def test_a_value_is_edited_after_a_question_with_its_diff_and_undone(desk: Desk, project: Path) -> None:
    before = (project / PROD).read_text()
    answer = await desk.say("Set replicas of the storefront in ue1-prod to 8.")
    assert "I changed `stacks/deploy/ue1-prod.yaml`" in answer
    assert "        replicas: 8\n" in (project / PROD).read_text()
    (question,) = desk.questions
    lines = question.splitlines()
    assert f'Input      path: "{PROD}"' in lines
    assert "Change     +1 \u22121 lines" in lines
    assert "           | +        replicas: 8" in lines
    assert lines[-2:] == ["Always     would remember: always allow file_edit where path =", f"           > {PROD}"]
    assert desk.workspace.undo is not None
    undone = await desk.workspace.undo.last_turn(desk.session_id)
    assert undone.restored == [PROD]
    assert (project / PROD).read_text() == before


async def test_a_text_is_replaced_in_a_named_file(desk: Desk, project: Path) -> None:
    await desk.say(f"In {CATALOG} replace `team: platform` with `team: network`.")
    assert "team: network" in (project / CATALOG).read_text()


async def test_a_file_outside_is_asked_about(desk: Desk, project: Path) -> None:
    (project.parent / "other.txt").write_text("what is beside the project\n")
    assert "what is beside the project" in await desk.say("Show ../other.txt")
    (question,) = desk.questions
    assert "Leads to" in question
    assert "the file is outside the project" in question


async def test_our_settings_are_out_of_reach(desk: Desk, project: Path) -> None:
    before = (project / "atmos.yaml").read_text()
    answer = await desk.say("In atmos.yaml replace `require_confirmation: true` with `require_confirmation: false`.")
    assert "the permission was not given" in answer
    assert desk.questions == []
    assert (project / "atmos.yaml").read_text() == before


async def test_secrets_of_a_file_reach_neither_model_nor_question_nor_store(desk: Desk, project: Path) -> None:
    secret = "ghp_" + "Zz9Yy8Xx7Ww6" * 3
    path = project / CATALOG
    path.write_text(path.read_text() + f"# token: {secret}\n# team: none\n")
    await desk.say(f"Show {CATALOG}")
    await desk.say(f"In {CATALOG} replace `# team: none` with `# team: shop`.")
    assert f"# token: {secret}\n# team: shop\n" in path.read_text()
    (question,) = desk.questions
    assert "<<secret:1>>" in question
    assert secret not in question
    await desk.workspace.chat.close()
    stored = b"".join(file.read_bytes() for file in (project / ".atmos").rglob("*") if file.is_file())
    assert secret.encode() not in stored


@pytest.fixture
def repository(project: Path) -> Path:
    """A Git repository with the project in a folder of it."""
    folder = project.parent / "repository"
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    shutil.move(project, folder / "fleet")
    (folder / "notes.txt").write_text("one\n")
    return folder


async def test_the_whole_repository_belongs_to_the_project_but_not_gits_own_files(
    repository: Path, tmp_path: Path, model_url: str
) -> None:
    async with opened(repository / "fleet", tmp_path, model_url) as desk:
        await desk.say("In ../notes.txt replace `one` with `two`.")
        assert (repository / "notes.txt").read_text() == "two\n"
        before = (repository / ".git/config").read_text()
        shown = desk.workspace.tools.registry.get("file_write").demand(
            {"path": "../.git/config", "content": "[core]\n\tpager = evil\n"}
        )
        assert "Git's own files" in shown.forbidden
        assert (repository / ".git/config").read_text() == before
