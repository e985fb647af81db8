"""Clients that die and clients that talk nonsense, as real processes and on a real socket."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from grpc import aio

from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.rpc.auth import ROLES
from atmos_ai_sidecar.v1 import sidecar_service_pb2
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.fakes.model import Hang, says
from tests.rpc.world import OWNER, OWNER_TOKEN, World

RUNS = [0, *(pytest.param(run, marks=pytest.mark.long) for run in range(1, 20))]
"""Ends of clients are told apart every time; the other runs belong to the long tests."""
ROOT = str(Path(__file__).parent.parent.parent)
CLIENT = """
import sys, threading
sys.path.insert(0, {root!r})
import grpc
from atmos_ai_sidecar.v1 import chat_service_pb2 as chat, terminal_service_pb2 as terminal
channel = grpc.insecure_channel("unix:{socket}")
metadata = (("authorization", "Bearer {token}"),)
def requests():
    if {what!r} == "run":
        yield terminal.RunRequest(start=terminal.RunRequest.Start(working_directory="/"))
    else:
        yield chat.ChatRequest(attach=chat.ChatRequest.Attach(session_name="s"))
        yield chat.ChatRequest(user_message=chat.ChatRequest.UserMessage(text="Hi"))
    if {half_closes}:
        return
    threading.Event().wait()
if {what!r} == "run":
    from atmos_ai_sidecar.v1.terminal_service_pb2_grpc import TerminalServiceStub
    events = TerminalServiceStub(channel).Run(requests(), metadata=metadata)
else:
    from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
    events = ChatServiceStub(channel).Chat(requests(), metadata=metadata)
for event in events:
    print(event.WhichOneof("event") if {what!r} == "chat" else "message", flush=True)
"""


@asynccontextmanager
async def client(world: World, what: str, *, half_closes: bool = False) -> AsyncIterator["asyncio.subprocess.Process"]:
    """A client as a process that has opened its stream."""
    code = CLIENT.format(root=ROOT, socket=world.socket_path, token=OWNER_TOKEN, what=what, half_closes=half_closes)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        async with asyncio.timeout(5):
            await process.stdout.readline()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]  # or it warns when the loop is gone


@pytest.mark.parametrize("run", RUNS)
async def test_killed_terminal_ends_its_command(world: World, run: int) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 0

    world.command = command
    async with client(world, "run") as process, asyncio.timeout(5):
        await started.wait()
        process.kill()
        await ended.wait()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("half_closes", [False, True])
async def test_killed_chat_client_ends_its_turn(world: World, half_closes: bool, run: int) -> None:
    hang = Hang(reached=asyncio.Event(), go_on=asyncio.Event())
    world.model.answers = [(hang,)]
    async with client(world, "chat", half_closes=half_closes) as process, asyncio.timeout(5):
        await hang.reached.wait()
        running = [task for _, task in world.turns._running.values()]
        process.kill()
        await asyncio.wait(running)
    assert running
    assert not hang.go_on.is_set()


@pytest.mark.parametrize("run", RUNS)
async def test_client_that_half_closes_and_waits_is_not_lost(world: World, run: int) -> None:
    hang = Hang(reached=asyncio.Event(), go_on=asyncio.Event())
    world.model.answers = [(hang, says("Done."))]
    async with client(world, "chat", half_closes=True) as process, asyncio.timeout(5):
        await hang.reached.wait()
        hang.go_on.set()
        assert process.stdout is not None
        said = (await process.stdout.read()).decode().split()
        assert await process.wait() == 0
    assert said[-1] == "turn_finished"


@pytest.mark.parametrize("seed", range(20))
async def test_garbage_on_the_socket_harms_nobody(world: World, channel: aio.Channel, seed: int) -> None:
    source = random.Random(seed)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if seed % 2 else b""
    reader, writer = await asyncio.open_unix_connection(world.socket_path)
    writer.write(preface + source.randbytes(source.randrange(1, 20_000)))
    await asyncio.gather(writer.drain(), return_exceptions=True)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    assert reader is not None
    info = await SidecarServiceStub(channel).GetServerInfo(
        sidecar_service_pb2.GetServerInfoRequest(), metadata=OWNER, timeout=5
    )
    assert info.instance_id == "instance"


@pytest.mark.parametrize("seed", range(20))
async def test_garbage_in_a_message_is_an_answer_and_no_crash(channel: aio.Channel, seed: int) -> None:
    source = random.Random(seed)
    path = source.choice([path for path in ROLES if "SessionService" in path])
    call = channel.unary_unary(path, bytes, bytes)
    with pytest.raises(aio.AioRpcError) as caught:
        await call(b"\xff" + source.randbytes(200), metadata=OWNER, timeout=5)
    assert caught.value.code().name == "INVALID_ARGUMENT"
