import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from grpc import StatusCode, aio

from atmos_ai_sidecar.application.ports.console import Console, TerminalMode, TerminalSize
from atmos_ai_sidecar.rpc.grpc_types import EOF
from atmos_ai_sidecar.rpc.outgoing import MAX_OUTPUT_BYTES
from atmos_ai_sidecar.rpc.streams import FIRST_EVENT_SECONDS
from atmos_ai_sidecar.v1 import terminal_service_pb2 as pb
from atmos_ai_sidecar.v1.terminal_service_pb2_grpc import TerminalServiceStub
from tests.rpc.world import OWNER, World, error_info

START = pb.RunRequest.Start(
    arguments=["echo", "a"],
    environment=[b"HOME=/home/u", b"A=1=2", b"A=later", b"=x", b"BAD", b"RAW=\xff"],
    working_directory="/work",
    umask=0o022,
    stdin_is_terminal=True,
    stdout_is_terminal=True,
    size=pb.TerminalSize(rows=30, columns=100),
)


class Terminal:
    """The caller's side of one run."""

    def __init__(self, channel: aio.Channel) -> None:
        self.call: Any = TerminalServiceStub(channel).Run(metadata=OWNER)
        self.responses: list[pb.RunResponse] = []
        self.generation = 0

    async def start(self, start: pb.RunRequest.Start = START) -> None:
        await self.call.write(pb.RunRequest(start=start))

    async def type(self, data: bytes, generation: int | None = None) -> None:
        stdin = pb.RunRequest.Stdin(data=data, generation=self.generation if generation is None else generation)
        await self.call.write(pb.RunRequest(stdin=stdin))

    async def signal(self, name: str) -> None:
        await self.call.write(pb.RunRequest(signal=pb.RunRequest.Signal(name=name)))

    async def next(self) -> pb.RunResponse:
        async with asyncio.timeout(5):
            response = await self.call.read()
        assert response is not EOF, (await self.call.code(), await self.call.details())
        self.responses.append(response)
        if response.HasField("read_stdin"):
            self.generation = response.read_stdin.generation
        return response  # type: ignore[no-any-return]

    async def until(self, text: bytes) -> None:
        """Reads on until the output so far holds the text."""
        while text not in self.output:
            await self.next()

    async def until_pull(self) -> int:
        """Reads on until input is asked for; its generation."""
        while not (await self.next()).HasField("read_stdin"):
            pass
        return self.generation

    async def end(self) -> int:
        """Reads to the end of the run; its exit code."""
        while not (response := await self.next()).HasField("exit_code"):
            pass
        async with asyncio.timeout(5):
            assert await self.call.read() is EOF
            assert await self.call.code() is StatusCode.OK
        return response.exit_code

    @property
    def output(self) -> bytes:
        return b"".join(response.stdout for response in self.responses)


@pytest.fixture
async def terminal(channel: aio.Channel) -> AsyncIterator[Terminal]:
    terminal = Terminal(channel)
    yield terminal
    terminal.call.cancel()


async def test_command_sees_its_caller_and_its_exit_code_comes_last(world: World, terminal: Terminal) -> None:
    seen: list[Any] = []

    async def command(arguments: Sequence[str], console: Console) -> int:
        seen.extend((*arguments, dict(console.environment), console.working_directory, console.umask, console.size))
        seen.extend((console.stdin_is_terminal, console.stderr_is_terminal, console.has_controlling_terminal))
        seen.append(console.run_id)
        console.write(b"out\n")
        console.write_error(b"err\n")
        return 3

    world.command = command
    await terminal.start()
    assert await terminal.end() == 3
    environment = {"HOME": "/home/u", "A": "1=2", "RAW": "\udcff"}
    size = TerminalSize(columns=100, rows=30)
    run_id = terminal.responses[0].run_id
    assert seen == ["echo", "a", environment, "/work", 0o022, size, True, False, False, run_id]
    assert run_id
    assert [response.run_id for response in terminal.responses[1:]] == [""] * (len(terminal.responses) - 1)
    assert terminal.output == b"out\n"
    assert b"".join(response.stderr for response in terminal.responses) == b"err\n"


async def test_input_is_pulled_and_echoed(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        console.set_mode(TerminalMode.RAW)
        while data := await console.read(16):
            console.write(b"<" + data + b">")
        return 0

    world.command = command
    await terminal.start()
    await terminal.until_pull()
    assert [response.mode for response in terminal.responses if response.mode] == [pb.TERMINAL_MODE_RAW]
    assert terminal.responses[-1].read_stdin.max_bytes == 16
    await terminal.type(b"abc")
    await terminal.until_pull()
    assert terminal.output == b"<abc>"
    await terminal.type(b"x" * 20)
    await terminal.until(b"<xxxx>")
    await terminal.call.write(pb.RunRequest(stdin_eof=pb.RunRequest.StdinEof()))
    assert await terminal.end() == 0


async def test_what_is_queued_in_one_turn_leaves_in_one_message(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        for letter in b"abc":
            console.write(bytes([letter]))
        console.set_mode(TerminalMode.RAW)
        console.set_prompter(attached=True)
        console.offer_resume("token")
        console.set_farewell(b"lost")
        return 0

    world.command = command
    await terminal.start()
    await terminal.end()
    first = terminal.responses[0]
    assert (first.stdout, first.mode, first.prompter) == (b"abc", pb.TERMINAL_MODE_RAW, pb.PROMPTER_ACTION_ATTACH)
    assert first.resume_token == "token"
    assert b"".join(response.farewell for response in terminal.responses) == b"lost"


async def test_farewell_is_taken_back_before_what_is_written_after_it(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        console.set_farewell(b"lost")
        console.set_farewell(b"")
        console.write(b"found")
        return 0

    world.command = command
    await terminal.start()
    await terminal.end()
    acts = [(response.farewell, response.stdout) for response in terminal.responses]
    assert acts == [(b"lost", b""), (b"", b""), (b"", b"found")]
    assert terminal.responses[1].HasField("farewell")


async def test_order_is_kept_where_the_order_of_fields_is_another(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        console.write_error(b"1")
        console.write(b"2")
        console.set_mode(TerminalMode.RAW)
        console.write(b"3")
        console.set_mode(TerminalMode.COOKED)
        console.set_mode(TerminalMode.RAW)
        return 0

    world.command = command
    await terminal.start()
    await terminal.end()
    happened: list[Any] = []
    for response in terminal.responses:
        happened += [value for value in (response.stdout, response.stderr, response.mode) if value]
    raw, cooked = pb.TERMINAL_MODE_RAW, pb.TERMINAL_MODE_COOKED
    assert happened == [b"1", b"2", raw, b"3", cooked, raw]


async def test_large_output_is_split_and_complete(world: World, terminal: Terminal) -> None:
    data = bytes(range(256)) * 8192

    async def command(_: Sequence[str], console: Console) -> int:
        console.write(data[:-1])
        console.write(data[-1:])
        await console.drain()
        return 0

    world.command = command
    await terminal.start()
    await terminal.end()
    assert terminal.output == data
    assert max(response.ByteSize() for response in terminal.responses) < MAX_OUTPUT_BYTES + 100


async def test_going_cooked_revokes_the_pull_and_going_raw_pulls_again(world: World, terminal: Terminal) -> None:
    go_cooked, go_raw = asyncio.Event(), asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        console.set_mode(TerminalMode.RAW)
        reading = asyncio.create_task(console.read())
        await go_cooked.wait()
        console.set_mode(TerminalMode.COOKED)
        console.write(b"cooked")
        await go_raw.wait()
        console.set_mode(TerminalMode.RAW)
        console.write(await reading)
        return 0

    world.command = command
    await terminal.start()
    first = await terminal.until_pull()
    go_cooked.set()
    await terminal.until(b"cooked")
    assert not any(response.HasField("read_stdin") for response in terminal.responses[-1:])
    go_raw.set()
    second = await terminal.until_pull()
    assert second == first + 1
    await terminal.type(b"key", second)
    await terminal.end()
    assert terminal.output.endswith(b"key")


async def test_input_that_crosses_a_revocation_is_kept_for_the_next_read(world: World, terminal: Terminal) -> None:
    typed = asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        console.set_mode(TerminalMode.RAW)
        reading = asyncio.create_task(console.read())
        await asyncio.sleep(0)
        console.set_mode(TerminalMode.COOKED)
        reading.cancel()
        console.write(b"ready")
        await typed.wait()
        console.write(await console.read())
        return 0

    world.command = command
    await terminal.start()
    await terminal.until(b"ready")
    await terminal.type(b"late", 1)
    typed.set()
    await terminal.end()
    assert terminal.output == b"readylate"


async def test_suspend_is_cooked_and_comes_back_as_it_was(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        console.set_mode(TerminalMode.RAW)
        await console.suspend()
        console.write(b"back")
        return 0

    world.command = command
    await terminal.start()
    while not (await terminal.next()).suspend:
        pass
    await terminal.signal("CONT")
    assert await terminal.end() == 0
    raw, cooked = pb.TERMINAL_MODE_RAW, pb.TERMINAL_MODE_COOKED
    assert [response.mode for response in terminal.responses if response.mode] == [raw, cooked, raw]


@pytest.mark.parametrize(("name", "code"), [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131)])
async def test_signal_that_nobody_listens_to_cancels_the_command(
    world: World, terminal: Terminal, name: str, code: int
) -> None:
    cleaned_up = asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        console.write(b"ready")
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up.set()
        return 0

    world.command = command
    await terminal.start()
    await terminal.until(b"ready")
    await terminal.signal("WINCH")
    await terminal.signal("CONT")
    await terminal.signal(name)
    assert await terminal.end() == code
    assert cleaned_up.is_set()


async def test_signals_and_sizes_reach_the_command_that_listens(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        heard: asyncio.Queue[str] = asyncio.Queue()
        console.on_signal(heard.put_nowait)
        console.on_resize(lambda: heard.put_nowait(f"{console.size.columns}x{console.size.rows}"))
        console.write(b"ready")
        console.write(", ".join([await heard.get() for _ in range(2)]).encode())
        return 0

    world.command = command
    await terminal.start()
    await terminal.until(b"ready")
    await terminal.signal("INT")
    await terminal.call.write(pb.RunRequest(resize=pb.TerminalSize(rows=5)))
    assert await terminal.end() == 0
    assert terminal.output == b"readyINT, 80x5"


async def test_caller_that_is_gone_ends_its_command(world: World, terminal: Terminal) -> None:
    ended = asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        try:
            console.write(b"ready")
            await console.read()
        finally:
            ended.set()
        return 0

    world.command = command
    await terminal.start()
    await terminal.until(b"ready")
    terminal.call.cancel()
    async with asyncio.timeout(5):
        await ended.wait()


async def test_terminal_that_takes_nothing_congests_the_command_and_bounds_memory(
    world: World, terminal: Terminal
) -> None:
    congested = asyncio.Event()

    async def command(_: Sequence[str], console: Console) -> int:
        while not console.is_congested():
            console.write(b"x" * 4096)
            await asyncio.sleep(0)
        congested.set()
        await console.drain()
        assert not console.is_congested()
        return 0

    world.command = command
    await terminal.start()
    async with asyncio.timeout(5):
        await congested.wait()
    assert await terminal.end() == 0


@pytest.mark.parametrize("error", [ValueError("secret"), SystemExit(3), RecursionError(), ZeroDivisionError()])
async def test_command_that_breaks_says_so_without_details(
    world: World, terminal: Terminal, caplog: pytest.LogCaptureFixture, error: BaseException
) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        raise error

    world.command = command
    await terminal.start()
    assert await terminal.end() == 1
    said = b"".join(response.stderr for response in terminal.responses).decode()
    assert "broke (error " in said
    assert "secret" not in said
    assert said.split("error ")[1].split(")")[0] in caplog.text


async def test_resume_token_stands_for_arguments(world: World, terminal: Terminal) -> None:
    seen: list[str] = []

    async def command(arguments: Sequence[str], console: Console) -> int:
        seen.extend(arguments)
        return 0

    world.command = command
    start = pb.RunRequest.Start(arguments=["ignored"], resume_token="t", working_directory="/")
    await terminal.start(start)
    await terminal.end()
    assert seen == ["resumed", "t"]


async def refusal(terminal: Terminal) -> tuple[StatusCode, str]:
    async with asyncio.timeout(5):
        with suppress(aio.AioRpcError):
            while True:
                await terminal.call.read()
        code = await terminal.call.code()
        trailing, initial = await terminal.call.trailing_metadata(), await terminal.call.initial_metadata()
    error = aio.AioRpcError(code, initial, trailing, await terminal.call.details(), None)
    return code, error_info(error).reason


async def test_first_event_must_be_start(terminal: Terminal) -> None:
    await terminal.type(b"x")
    assert await refusal(terminal) == (StatusCode.INVALID_ARGUMENT, "ATTACH_REQUIRED")


async def test_first_event_must_come_within_five_seconds(world: World, terminal: Terminal) -> None:
    await world.clock.wait_for_sleepers()
    world.clock.advance(FIRST_EVENT_SECONDS)
    assert await refusal(terminal) == (StatusCode.INVALID_ARGUMENT, "ATTACH_REQUIRED")


async def test_end_of_input_before_start_is_refused(terminal: Terminal) -> None:
    await terminal.call.done_writing()
    assert await refusal(terminal) == (StatusCode.INVALID_ARGUMENT, "ATTACH_REQUIRED")


async def test_second_start_and_relative_directory_are_refused(world: World, channel: aio.Channel) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        await asyncio.Event().wait()
        return 0

    world.command = command
    twice = Terminal(channel)
    await twice.start()
    await twice.start()
    assert await refusal(twice) == (StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_EVENT")
    relative = Terminal(channel)
    await relative.start(pb.RunRequest.Start(working_directory="work"))
    assert await refusal(relative) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_server_that_goes_away_terminates_the_command_in_order(world: World, terminal: Terminal) -> None:
    async def command(_: Sequence[str], console: Console) -> int:
        console.write(b"ready")
        await asyncio.Event().wait()
        return 0

    world.command = command
    await terminal.start()
    await terminal.until(b"ready")
    assert world.server is not None
    stopping = asyncio.create_task(world.server.stop(5))
    assert await terminal.end() == 143
    async with asyncio.timeout(5):
        await stopping
