"""A small composition around a real server on a real socket: real use cases and store, a scripted model and tools."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from grpc import aio

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.approver import WorkspaceApprover
from atmos_ai_sidecar.application.archive import Archive
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.chat import Chat
from atmos_ai_sidecar.application.compaction import Compactor
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.turns import TurnParts, Turns
from atmos_ai_sidecar.application.workspace import Run, Workspace, WorkspaceDescription
from atmos_ai_sidecar.domain.compaction import CompactionSettings
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.domain.tools import Effect, Execution, OutputPiece, Parameter, Result, Tool, ToolRegistry
from atmos_ai_sidecar.domain.turn import TurnLimits
from atmos_ai_sidecar.rpc.auth import Tokens
from atmos_ai_sidecar.rpc.parts import Identity, ServerParts
from atmos_ai_sidecar.rpc.server import Server, start_server
from tests.fakes.audit_log import fake_audit
from tests.fakes.clock import START, FakeClock
from tests.fakes.grants import FakeGrantStore, fake_grants
from tests.fakes.left_programs import FakeLeftPrograms
from tests.fakes.model import FakeModel

if TYPE_CHECKING:
    from atmos_ai_sidecar.errors import SidecarError

OWNER_TOKEN = "0f" * 32
Command = Callable[[Sequence[str], Console], Awaitable[int]]


class Tools:
    """What the tools of the world do, and how often they did it."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.output = "look ran\n"

    def registry(self) -> ToolRegistry:
        return ToolRegistry((self._tool("look", Effect.READ), self._tool("change", Effect.WRITE)))

    def _tool(self, name: str, effect: Effect) -> Tool:
        async def execute(values: Mapping[str, Any], execution: Execution) -> Result:
            self.ran.append(name)
            self.reached.set()
            await self.go_on.wait()
            execution.emit(OutputPiece(stream="stdout", text=self.output))
            if values.get("text") == "fail":
                return Result(success=False, output="It failed.", error="It failed.", reason="TOOL_EXECUTION_FAILED")
            return Result(success=True, output=self.output[:100], data={"name": name, "input": dict(values)})

        parameters = (
            Parameter(name="text", type="string", description="A text."),
            Parameter(name="count", type="integer", description="A whole number."),
            Parameter(name="tree", type="object", description="Anything."),
        )
        return Tool(
            name=name,
            description=f"It can {name}.",
            parameters=parameters,
            effect=effect,
            execute=execute,
            requires_permission=effect is not Effect.READ,
        )


class World:
    """Everything behind the server, and the server once it is started."""

    def __init__(self, store: SqliteStore, directory: Path) -> None:
        self.store = store
        self.socket_path = str(directory / "s.sock")
        self.clock = FakeClock()  # the server's: it stands still until a test moves it
        self.model = FakeModel()
        self.grants = FakeGrantStore()
        self.tools = Tools()
        self.turns = Turns()
        self.approvals = Approvals(clock=FakeClock(), owner="me")  # its time stands still: nothing expires
        self.approvals.add_store(store)
        self.approvals.add_listener(self.turns.hear)
        self.settings = PermissionSettings()
        self.open_error: SidecarError | None = None
        self.opened = 0
        self.has_tools = True
        self.model_error: SidecarError | None = None
        self.shutdowns: list[float] = []
        self.command: Command = self._no_command
        self.tokens = Tokens(OWNER_TOKEN)
        self.server: Server | None = None

    @property
    def parts(self) -> ServerParts:
        identity = Identity(
            instance_id="instance",
            server_version="1.2.3",
            start_time=START,
            directory="/project",
            capabilities=("terminal", "chat"),
        )
        return ServerParts(
            identity=identity,
            clock=self.clock,
            approvals=self.approvals,
            open_workspace=self.open_workspace,
            run_command=self._run_command,
            resume_command=lambda token: ("resumed", token),
            request_shutdown=self.shutdowns.append,
        )

    async def _run_command(self, arguments: Sequence[str], console: Console) -> int:
        return await self.command(arguments, console)

    async def _no_command(self, arguments: Sequence[str], console: Console) -> int:
        raise NotImplementedError

    async def _check_model(self) -> None:
        if self.model_error:
            raise self.model_error

    @asynccontextmanager
    async def open_workspace(self) -> AsyncIterator[Workspace]:
        self.opened += 1
        if self.open_error:
            raise self.open_error
        workspace = self._workspace()
        try:
            yield workspace
        finally:
            await workspace.chat.close()

    def _workspace(self) -> Workspace:
        registry, redactor, clock = self.tools.registry(), Redactor(), SystemClock()
        grants = fake_grants(self.grants)
        permissions = Permissions(self.settings, grants, registry)
        approver = WorkspaceApprover(
            approvals=self.approvals,
            store=self.store,
            clock=clock,
            remember=grants.remember,
            directory="/project",
            policy=PermissionSettings,
            surroundings=lambda tool, values: "",
        )
        executor = ToolExecutor(registry=registry, approver=approver, redactor=redactor, clock=clock)
        sessions = Sessions(
            self.store,
            project_path="/project",
            model="m",
            provider="p",
            redact=redactor.redact,
            is_busy=self.turns.is_running,
        )
        left_calls = LeftCalls(FakeLeftPrograms(), clock=clock, redact=redactor.redact)
        parts = TurnParts(
            store=self.store,
            broadcast=Broadcast(self.store),
            model=self.model,
            compactor=Compactor(
                store=self.store,
                sessions=self.store,
                model=self.model,
                clock=clock,
                settings=CompactionSettings(),
            ),
            tools=executor,
            permissions=permissions,
            left_calls=left_calls,
            clock=clock,
            system=lambda: ("system",),
            max_tokens=100,
            timeout_seconds=None,
        )
        chat = Chat(
            parts=parts,
            sessions=sessions,
            journal=self.store,
            turns=self.turns,
            owner="me",
            redact=redactor.redact,
            check_model=self._check_model,
            limits=TurnLimits(max_steps=4),
        )
        return Workspace(
            run=Run(run_id="services", directory="/project", environment={}),
            sessions=sessions,
            archive=Archive(
                self.store,
                project_path="/project",
                files=CheckpointFiles(),
                foreign=AtmosSessions(Path("/project/.atmos/sessions/sessions.db"), "/project"),
                clock=clock,
                redact=redactor.redact,
            ),
            chat=chat,
            tools=executor,
            approvals=self.approvals,
            permissions=permissions,
            files=cast("Any", None),
            grants=grants,
            audit=fake_audit(),
            left_calls=left_calls,
            has_tools=self.has_tools,
            describe=lambda: WorkspaceDescription(
                project_path="/project/opened",
                model="m",
                provider="p",
                endpoint="http://127.0.0.1",
                permission_mode=permissions.mode,
                is_ephemeral=False,
            ),
            prepare_model=_nothing,
            check_model=self._check_model,
        )


async def _nothing() -> None:
    return None


@asynccontextmanager
async def running_world(directory: Path) -> AsyncIterator[World]:
    """A world with its server running."""
    store = await open_memory_store(SystemClock())
    world = World(store, directory)
    world.server = await start_server(world.parts, world.socket_path, world.tokens)
    try:
        yield world
    finally:
        async with asyncio.timeout(20):
            await world.server.stop(1.0)
        await store.close()


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """The metadata that carries a token."""
    return (("authorization", f"Bearer {token}"),)


OWNER = bearer(OWNER_TOKEN)


def error_info(error: aio.AioRpcError) -> ErrorInfo:
    """The one ErrorInfo of a failed call."""
    found = [detail for detail in details(error) if isinstance(detail, ErrorInfo)]
    assert len(found) == 1
    assert found[0].domain == "ai.atmos.tools"
    return found[0]


def details(error: aio.AioRpcError) -> list[Message]:
    """All details of a failed call, unpacked."""
    from google.protobuf import any_pb2, descriptor_pool, message_factory

    metadata: dict[str, Any] = dict(cast("Any", error.trailing_metadata()))
    status = Status.FromString(metadata["grpc-status-details-bin"])
    assert status.code == error.code().value[0]
    assert status.message == error.details()

    def unpack(packed: any_pb2.Any) -> Message:
        descriptor = descriptor_pool.Default().FindMessageTypeByName(packed.TypeName())
        message = message_factory.GetMessageClass(descriptor)()
        assert packed.Unpack(message)
        return message

    return [unpack(packed) for packed in status.details]
