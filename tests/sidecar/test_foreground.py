import asyncio
import os
import re
import stat
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from grpc import StatusCode, aio

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.rpc.auth import Tokens
from atmos_ai_sidecar.rpc.server import Server, start_server
from atmos_ai_sidecar.sidecar.directory import MAX_PATH_BYTES, DirectoryError, make_directory, remove_directory
from atmos_ai_sidecar.sidecar.foreground import run_foreground
from atmos_ai_sidecar.sidecar.serve import Launch
from atmos_ai_sidecar.v1 import session_service_pb2, sidecar_service_pb2
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as tools_pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.rpc.world import World, bearer

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.ports.console import Console


class Screen:
    """As much of a console as `sidecar run` uses."""

    stdin_is_terminal = True

    def __init__(self) -> None:
        self.text = ""
        self.typed: asyncio.Queue[bytes] = asyncio.Queue()
        self._changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.text += data.decode()
        self._changed.set()

    async def read(self, max_bytes: int = 65536) -> bytes:
        return await self.typed.get()

    async def wait_for(self, pattern: str) -> "re.Match[str]":
        async with asyncio.timeout(5):
            while not (found := re.search(pattern, self.text, re.MULTILINE)):
                self._changed.clear()
                await self._changed.wait()
        return found


class Running:
    instance_id = "i"
    server_version = "1"
    capabilities = ()

    def __init__(self, server: Server, tokens: Tokens) -> None:
        self._server = server
        self.client_token = tokens.mint_client()

    async def wait_unused(self, seconds: float) -> None:
        await self._server.wait_unused(seconds)

    async def stop(self, grace_seconds: float) -> None:
        await self._server.stop(grace_seconds)


class Foreground:
    """A sidecar in the foreground of a fake screen."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.screen = Screen()

    async def start(self, launch: Launch) -> Running:
        parts = self.world.parts
        tokens = Tokens(launch.token)
        object.__setattr__(parts, "request_shutdown", launch.request_shutdown)
        return Running(await start_server(parts, launch.socket_path, tokens), tokens)

    def run(self, role: str = "owner") -> "asyncio.Task[int]":
        console = cast("Console", self.screen)
        return asyncio.create_task(run_foreground(console, role, self.start, self.world.approvals))

    async def call(self, work: Callable[[aio.Channel, Any], Awaitable[Any]]) -> Any:
        token = (await self.screen.wait_for(r"^export ATMOS_AI_TOKEN=(\S+)$"))[1]
        path = (await self.screen.wait_for(r" (/\S+/s\.sock) "))[1]
        async with aio.insecure_channel(f"unix:{path}") as channel, asyncio.timeout(5):
            return await work(channel, bearer(token))


@pytest.fixture
async def foreground(monkeypatch: pytest.MonkeyPatch, socket_directory: Path) -> AsyncIterator[Foreground]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_directory))
    store = await open_memory_store(SystemClock())
    yield Foreground(World(store, socket_directory))
    await store.close()


async def test_printed_lines_are_a_complete_call_and_hold_the_token_once(foreground: Foreground) -> None:
    running = foreground.run()
    line = (await foreground.screen.wait_for(r"^grpcurl .*$"))[0]
    assert "-expand-headers" in line
    assert "-H 'authorization: Bearer ${ATMOS_AI_TOKEN}'" in line
    assert line.endswith(" atmos_ai_sidecar.v1.SessionService/ListSessions")
    token = (await foreground.screen.wait_for(r"ATMOS_AI_TOKEN=(\S+)"))[1]
    assert foreground.screen.text.count(token) == 1

    async def work(channel: aio.Channel, metadata: Any) -> None:
        await SessionServiceStub(channel).ListSessions(session_service_pb2.ListSessionsRequest(), metadata=metadata)
        await SidecarServiceStub(channel).Shutdown(sidecar_service_pb2.ShutdownRequest(), metadata=metadata)

    await foreground.call(work)
    async with asyncio.timeout(5):
        assert await running == 0


async def test_printed_token_can_have_the_client_role(foreground: Foreground) -> None:
    running = foreground.run(role="client")

    async def role(channel: aio.Channel, metadata: Any) -> str:
        info = await SidecarServiceStub(channel).GetServerInfo(
            sidecar_service_pb2.GetServerInfoRequest(), metadata=metadata
        )
        return str(info.role)

    assert await foreground.call(role) == "client"
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_cancelled_foreground_leaves_no_directory(foreground: Foreground) -> None:
    running = foreground.run()
    directory = (await foreground.screen.wait_for(r" (/\S+)/s\.sock "))[1]
    assert _mode(directory) == 0o700
    running.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await running
    assert _mode(directory) is None


def _mode(directory: str) -> int | None:
    return stat.S_IMODE(Path(directory).stat().st_mode) if Path(directory).exists() else None


@pytest.mark.parametrize(("key", "code"), [("y", StatusCode.OK), ("n", StatusCode.PERMISSION_DENIED)])
async def test_person_at_the_terminal_answers_by_number(foreground: Foreground, key: str, code: StatusCode) -> None:
    running = foreground.run()
    screen = foreground.screen

    async def work(channel: aio.Channel, metadata: Any) -> StatusCode:
        request = tools_pb.ExecuteToolRequest(name="change")
        call: Any = ToolRegistryServiceStub(channel).ExecuteTool(request, metadata=metadata)
        await screen.wait_for(r"^Question 1$")
        for line in (f"{key}\n", f"2{key}\n", "1z\n", "\n"):
            screen.typed.put_nowait(line.encode())
        await screen.wait_for(r"(That answers no question\.[^\0]*){3}")
        assert not foreground.world.tools.ran
        screen.typed.put_nowait(f" 1 {key} \n".encode())
        await screen.wait_for(r"^Question 1 is settled: (allow|reject)_once, by sidecar run\.$")
        return await _drained(call)

    assert await foreground.call(work) is code
    screen.typed.put_nowait(b"")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def _drained(call: Any) -> StatusCode:
    try:
        async for _ in call:
            pass
    except aio.AioRpcError as error:
        return error.code()
    return StatusCode.OK


def test_directory_falls_back_when_the_runtime_directory_is_no_good(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, socket_directory: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(socket_directory))  # the machine's may be spoilt by somebody
    long = tmp_path / ("x" * MAX_PATH_BYTES)
    long.mkdir()
    for runtime in (str(long), "/nowhere/at/all"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        directory = make_directory()
        assert directory.parent.parent == socket_directory
        remove_directory(directory)
        assert not directory.exists()


def test_base_that_others_can_enter_is_passed_over(monkeypatch: pytest.MonkeyPatch, socket_directory: Path) -> None:
    (socket_directory / "atmos-ai").mkdir(mode=0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(socket_directory))
    monkeypatch.setattr(tempfile, "tempdir", str(socket_directory))
    directory = make_directory()
    assert directory.parent == socket_directory / f"atmos-ai-{os.getuid()}"
    remove_directory(directory)


def test_no_place_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch, socket_directory: Path) -> None:
    def fail(*_: object, **__: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(Path, "mkdir", fail)
    with pytest.raises(DirectoryError, match="XDG_RUNTIME_DIR"):
        make_directory()


def test_directory_with_something_else_in_it_is_left(socket_directory: Path) -> None:
    (socket_directory / "s.sock").touch()
    (socket_directory / "precious").touch()
    remove_directory(socket_directory)
    assert [path.name for path in socket_directory.iterdir()] == ["precious"]
