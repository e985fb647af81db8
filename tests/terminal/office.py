"""A workspace over fakes, and commands that run in it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.approver import WorkspaceApprover
from atmos_ai_sidecar.application.archive import ExportFormat
from atmos_ai_sidecar.application.doctor import CheckedFinding
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.ports.project_index import ProjectNames
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.workspace import (
    ConfirmTrust,
    Run,
    RunOptions,
    TrustQuestion,
    Workspace,
    WorkspaceDescription,
)
from atmos_ai_sidecar.configuration import speaks_of_ai
from atmos_ai_sidecar.domain.attachments import Attachments, Selection
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool, ToolRegistry
from atmos_ai_sidecar.errors import ProjectUntrustedError, SidecarError
from atmos_ai_sidecar.terminal.main import run_command
from atmos_ai_sidecar.terminal.services import CommandServices, DemoSetup, OpenQuestion, StayingSidecar
from tests.fakes.approval_store import FakeApprovalStore
from tests.fakes.audit_log import FakeAuditLog, fake_audit
from tests.fakes.chat import Script, ScriptedChat, ScriptedTurn
from tests.fakes.clock import FakeClock
from tests.fakes.console import FakeConsole
from tests.fakes.grants import FakeGrantStore, fake_grants
from tests.fakes.left_programs import FakeLeftPrograms
from tests.fakes.session_store import FakeSessionStore
from tests.fakes.unsent_texts import FakeUnsentTexts


async def _describe(values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True, output="cidr_block: 10.20.0.0/16", duration_seconds=0.26)


async def _plan(values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True, output="Plan: 3 to add, 1 to change, 0 to destroy.", duration_seconds=12.0)


async def _broken(values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(
        success=False,
        output="no such stack",
        error="no such stack",
        reason="TOOL_EXECUTION_FAILED",
        exit_code=1,
        duration_seconds=0.1,
    )


_WHERE = (
    Parameter(name="component", type="string", description="", required=True),
    Parameter(name="stack", type="string", description="", required=True),
)
DESCRIBE = Tool(
    name="atmos_describe_component",
    description="Describes a component.",
    parameters=_WHERE,
    effect=Effect.READ,
    execute=_describe,
    requires_permission=False,
    title="describe {component} in {stack}",
)
PLAN = Tool(
    name="atmos_terraform_plan",
    description="Plans a component.",
    parameters=_WHERE,
    effect=Effect.EXECUTE,
    execute=_plan,
    requires_permission=True,
    stack_parameter="stack",
    component_parameter="component",
    title="plan {component} in {stack}",
)
BROKEN = Tool(
    name="atmos_validate_stacks",
    description="Validates the stacks.",
    parameters=(),
    effect=Effect.EXECUTE,
    execute=_broken,
    requires_permission=False,
    title="validate the stacks",
)


async def _blocked(values: Mapping[str, Any], _execution: Execution) -> Result:
    error = "execute_bash_command was denied: the tool is blocked."
    return Result(success=False, output=error, error=error, reason="TOOL_EXECUTION_DENIED")


BLOCKED = Tool(
    name="execute_bash_command",
    description="Runs a command.",
    parameters=(),
    effect=Effect.EXECUTE,
    execute=_blocked,
    requires_permission=False,
    title="run a command",
)


class FakeHistory:
    """What was typed, in memory."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.error: SidecarError | None = None

    def load(self) -> Sequence[str]:
        if self.error is not None:
            raise self.error
        return tuple(self.texts)

    def add(self, text: str) -> None:
        self.texts.append(text)


class FakeIndex:
    """A small project."""

    def __init__(self) -> None:
        self.stacks: Sequence[str] = ()
        self.paths: Sequence[str] = ()

    async def names(self) -> ProjectNames:
        return ProjectNames(stacks=self.stacks, components=("vpc",) if self.stacks else ())

    async def files(self) -> Sequence[str]:
        return self.paths


async def answer_plainly(turn: ScriptedTurn) -> None:
    await turn.say(f"You said: {turn.text}")


class FakeStayingSidecars:
    """Sidecars that stay, and those that were ended."""

    def __init__(self) -> None:
        self.found: list[StayingSidecar] = []
        self.stopped: list[tuple[str, bool]] = []
        self.stubborn = False

    def list(self, _environment: Mapping[str, str]) -> Sequence[StayingSidecar]:
        return self.found

    def instructions(self, sidecar: StayingSidecar) -> str:
        return f"grpcurl {sidecar.process_id}\n"

    async def stop(self, sidecar: StayingSidecar, *, force: bool) -> bool:
        self.stopped.append((sidecar.project, force))
        return not self.stubborn


class Office:
    """Everything that commands need, and what they did with it."""

    def __init__(self, script: Script = answer_plainly) -> None:
        self.clock = FakeClock(jumps=True)
        self.settings: Sequence[Any] = ()
        self.findings: Sequence[CheckedFinding] = ()
        self.store = FakeSessionStore(self.clock)
        self.approvals = Approvals(clock=FakeClock(), owner="owner-1")
        self.chat = ScriptedChat(self.store, self.approvals, script)
        self.registry = ToolRegistry((DESCRIBE, PLAN, BROKEN))
        self.grants = FakeGrantStore()
        self.audit_log = FakeAuditLog()
        self.audit = fake_audit(self.audit_log)
        self.permissions = Permissions(PermissionSettings(), fake_grants(self.grants), self.registry)
        self.left_programs = FakeLeftPrograms()
        approver = WorkspaceApprover(
            approvals=self.approvals,
            store=FakeApprovalStore(),
            clock=FakeClock(),
            remember=fake_grants(self.grants).remember,
            directory="/project",
            policy=PermissionSettings,
            surroundings=lambda tool, values: "",
        )
        self.executor = ToolExecutor(registry=self.registry, approver=approver, redactor=Redactor(), clock=FakeClock())
        self.sessions = Sessions(
            self.store,
            project_path="/project",
            model="fake-model",
            provider="anthropic",
            redact=str,
            is_busy=self.chat.is_running,
        )
        self.is_trusted = True
        self.error: SidecarError | None = None
        self.project_file = ""
        self.opened: list[tuple[Run, RunOptions]] = []
        self.mcp_runs: list[Run] = []
        self.foreground_roles: list[str] = []
        self.staying_sidecars = FakeStayingSidecars()
        self.has_prepared_model = False
        self.selections: list[Selection] = []
        self.attachments = Attachments()
        self.questions: Sequence[OpenQuestion] = ()
        self.tokens: list[str] = []
        self.history = FakeHistory()
        self.unsent = FakeUnsentTexts()
        self.index = FakeIndex()

    def answer(self, console: FakeConsole, line: str) -> None:
        """A line of somebody who reads the question first."""
        console.type(f"{line}\n", when_read=lambda: self.clock.advance(1))

    async def run(self, console: FakeConsole, *arguments: str) -> int:
        """Runs a command to its end."""
        return await run_command(arguments, cast("Console", console), self.services)

    @property
    def services(self) -> CommandServices:
        return CommandServices(
            open_workspace=self.open_workspace,
            start_demo=self._start_demo,
            find_project=lambda run, options: self.project_file,
            speaks_of_ai=speaks_of_ai,
            list_settings=lambda run, options: self.settings,
            examine_run=self._examine,
            run_foreground_sidecar=self._run_foreground,
            open_questions=self._open_questions,
            serve_mcp=self._serve_mcp,
            staying_sidecars=self.staying_sidecars,
            clock=self.clock,
            version="1.2.3",
            log_path=lambda: "/project/.atmos/logs/sidecar.log",
        )

    async def _examine(self, _run: Run, _options: RunOptions) -> Sequence[CheckedFinding]:
        return self.findings

    @asynccontextmanager
    async def open_workspace(
        self,
        run: Run,
        options: RunOptions,
        *,
        confirm_trust: ConfirmTrust | None = None,
        needs_trust: bool = True,
        opening: Progress | None = None,
    ) -> AsyncIterator[Workspace]:
        self.opened.append((run, options))
        if self.error is not None:
            raise self.error
        if needs_trust and not (self.is_trusted or options.trust_project):
            question = TrustQuestion(project_path="/project", lines=("base_url: http://evil",), has_changed=False)
            if confirm_trust is None or not await confirm_trust(question):
                raise ProjectUntrustedError("/project")
        yield self._workspace(run)
        await self.chat.close()

    def _workspace(self, run: Run) -> Workspace:
        return Workspace(
            run=run,
            sessions=self.sessions,
            archive=cast("Any", self),
            chat=cast("Any", self.chat),
            tools=self.executor,
            approvals=self.approvals,
            permissions=self.permissions,
            files=cast("Any", self),
            grants=fake_grants(self.grants, self.clock),
            audit=self.audit,
            left_calls=LeftCalls(self.left_programs, clock=FakeClock(), redact=str),
            describe=lambda: WorkspaceDescription(
                project_path="/project",
                model="fake-model",
                provider="anthropic",
                endpoint="http://127.0.0.1:1",
                permission_mode=self.permissions.mode,
                is_ephemeral=False,
                warnings=("a warning of the workspace",),
            ),
            prepare_model=self._prepare_model,
            check_model=self._check_model,
            history=self.history,
            unsent=self.unsent,
            index=self.index,
        )

    @asynccontextmanager
    async def _open_questions(self, environment: Mapping[str, str]) -> AsyncIterator[Sequence[OpenQuestion]]:
        self.tokens.append(environment.get("ATMOS_AI_TOKEN", ""))
        yield self.questions

    async def export(self, session_id: SessionId, form: ExportFormat) -> str:
        """Stands for the archive."""
        return f"{(await self.store.get_session(session_id)).name} as {form.value}"

    async def clean(self, older_than: timedelta, *, dry_run: bool = False) -> Sequence[Session]:
        """Stands for the archive: all sessions but the newest are old."""
        page = await self.store.list_sessions("/project", limit=99)
        for session in page.sessions[1:]:
            if not dry_run:
                await self.store.delete_session(session.id)
        return page.sessions[1:]

    async def _check_model(self) -> None:
        return

    async def attach(self, selection: Selection) -> Attachments:
        self.selections.append(selection)
        return self.attachments

    async def _prepare_model(self) -> None:
        self.has_prepared_model = True

    @asynccontextmanager
    async def _start_demo(self, console: Console) -> AsyncIterator[DemoSetup]:
        yield DemoSetup(
            directory="/demo",
            environment={"ANTHROPIC_BASE_URL": "http://127.0.0.1:1"},
            questions=("Which stacks are there?", "Validate the stacks."),
            prompts=("Which stacks are there?", "Validate the stacks.", "Plan the database in ue1-prod."),
            notice="This is a demo.",
        )

    async def _run_foreground(self, console: Console, role: str, run: Run, options: RunOptions) -> int:
        self.foreground_roles.append(role)
        return 0

    async def _serve_mcp(self, console: Console, run: Run, options: RunOptions) -> int:
        self.mcp_runs.append(run)
        return 0


def piped(**options: Any) -> FakeConsole:
    """A console without any terminal."""
    return FakeConsole(
        **{
            "stdin_is_terminal": False,
            "stdout_is_terminal": False,
            "stderr_is_terminal": False,
            "has_controlling_terminal": False,
            **options,
        }
    )
