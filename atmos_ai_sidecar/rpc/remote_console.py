"""The Console at the other end of a Terminal.Run.

One task writes, so that messages keep their order; what is queued in one turn of the event loop leaves as one message.
Input is pulled: each ``read_stdin`` has a generation, at most one is out at a time, and going cooked revokes it. Input
that crosses a revocation on its way is kept for the next read, never lost.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from grpc import aio

from atmos_ai_sidecar.application.ports.console import TerminalMode, TerminalSize
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.rpc.outgoing import Field, Outgoing
from atmos_ai_sidecar.v1 import terminal_service_pb2 as pb

_LOG = logging.getLogger(__name__)
CONGESTED_BYTES: Final = 16 * 1024
DEFAULT_SIZE: Final = TerminalSize(columns=80, rows=24)
SIGNALS: Final = {"HUP": 1, "INT": 2, "QUIT": 3, "TERM": 15}
_MODES: Final = {
    TerminalMode.COOKED: pb.TERMINAL_MODE_COOKED,
    TerminalMode.RAW: pb.TERMINAL_MODE_RAW,
}


class RemoteConsole:
    """Implements the Console port; the service feeds it with what the caller sends. Use on one event loop."""

    def __init__(self, start: Any, *, run_id: str, interrupt: Callable[[str], None]) -> None:
        """Describes the caller.

        Args:
            start: The Start event.
            run_id: Names the run.
            interrupt: Cancels the command because of the signal of that name.

        Raises:
            InvalidFieldError: The directory is not absolute.
        """
        if not Path(start.working_directory).is_absolute():
            raise InvalidFieldError("start.working_directory", "must be an absolute path")
        self._start = start
        self._run_id = run_id
        self._interrupt = interrupt
        self._environment = _environment(start.environment)
        self._size = _size(start.size)
        self._mode = TerminalMode.COOKED
        self._out = Outgoing()
        self._is_new = True
        self._is_writing = False
        self._is_lost = False
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._input = bytearray()
        self._is_input_over = False
        self._reader: asyncio.Future[None] | None = None
        self._wanted_bytes = 0
        self._generation = 0
        self._is_pulled = False
        self._resumed = asyncio.Event()
        self._resize_callback: Callable[[], None] | None = None
        self._is_resize_due = False
        self._signal_callback: Callable[[str], None] | None = None

    @property
    def run_id(self) -> str:
        return self._run_id

    @property
    def environment(self) -> Mapping[str, str]:
        return self._environment

    @property
    def working_directory(self) -> str:
        return str(self._start.working_directory)

    @property
    def umask(self) -> int:
        return int(self._start.umask) & 0o777

    @property
    def stdin_is_terminal(self) -> bool:
        return bool(self._start.stdin_is_terminal)

    @property
    def stdout_is_terminal(self) -> bool:
        return bool(self._start.stdout_is_terminal)

    @property
    def stderr_is_terminal(self) -> bool:
        return bool(self._start.stderr_is_terminal)

    @property
    def has_controlling_terminal(self) -> bool:
        return bool(self._start.has_controlling_terminal)

    @property
    def size(self) -> TerminalSize:
        return self._size

    def write(self, data: bytes) -> None:
        self._queue(Field.STDOUT, data)

    def write_error(self, data: bytes) -> None:
        self._queue(Field.STDERR, data)

    async def drain(self) -> None:
        await self._idle.wait()

    def is_congested(self) -> bool:
        return self._is_writing and self._out.output_bytes > CONGESTED_BYTES

    async def read(self, max_bytes: int = 65536) -> bytes:
        if self._reader is not None:
            raise RuntimeError("two reads of one console at once")
        if not self._input and not self._is_input_over:
            self._reader = asyncio.get_running_loop().create_future()
            self._wanted_bytes = max_bytes
            try:
                self._pull()
                await self._reader
            finally:
                self._reader = None
        taken = bytes(self._input[:max_bytes])
        del self._input[:max_bytes]
        return taken

    def set_mode(self, mode: TerminalMode) -> None:
        if mode is self._mode:
            return
        self._mode = mode
        if mode is TerminalMode.COOKED:
            self._is_pulled = False
            self._out.forget_reads()
        self._queue(Field.MODE, _MODES[mode])
        if mode is TerminalMode.RAW:
            self._pull()

    async def suspend(self) -> None:
        mode = self._mode
        self.set_mode(TerminalMode.COOKED)
        self._resumed.clear()
        self._queue(Field.SUSPEND, value=True)
        await self._resumed.wait()
        self.set_mode(mode)

    def set_prompter(self, *, attached: bool) -> None:
        self._queue(Field.PROMPTER, pb.PROMPTER_ACTION_ATTACH if attached else pb.PROMPTER_ACTION_DETACH)

    def offer_resume(self, token: str) -> None:
        self._queue(Field.RESUME_TOKEN, token)

    def set_farewell(self, data: bytes) -> None:
        self._queue(Field.FAREWELL, data)

    def on_resize(self, callback: Callable[[], None]) -> None:
        self._resize_callback = callback

    def on_signal(self, callback: Callable[[str], None]) -> None:
        self._signal_callback = callback

    def finish(self, exit_code: int) -> None:
        """Ends the run with the next message; nothing may be queued behind it."""
        self._queue(Field.EXIT_CODE, exit_code)

    async def send_all(self, write: Callable[[Any], Awaitable[None]]) -> bool:
        """Sends what is queued, in order, until the exit code has left.

        Returns:
            False when the caller has gone before; output is dropped from then on.
        """
        self._wake.set()  # the first message names the run and does not wait for output
        while True:
            await self._wake.wait()
            await asyncio.sleep(0)  # the rest of this turn of the loop leaves in the same message
            self._wake.clear()
            while self._out or self._is_new:
                response = self._out.take()
                if not await self._send(response, write):
                    return False
                if response.HasField("exit_code"):
                    return True
            self._idle.set()

    def receive(self, request: Any) -> None:
        """Takes one event of the caller; kinds that a newer caller may know are passed over."""
        match request.WhichOneof("event"):
            case "stdin":
                self._receive_input(request.stdin.data, request.stdin.generation)
            case "stdin_eof":
                self.end_input()
            case "resize":
                self._size = _size(request.resize)
                if not self._is_resize_due:
                    self._is_resize_due = True
                    asyncio.get_running_loop().call_soon(self._tell_size)
            case "signal":
                self.receive_signal(request.signal.name)

    def receive_signal(self, name: str) -> None:
        """Passes a signal on; one that the command does not listen to cancels it."""
        if name == "CONT":
            self._resumed.set()
        elif name not in SIGNALS:
            _LOG.debug("a signal of no meaning here is passed over")
            return
        if self._signal_callback is not None:
            self._signal_callback(name)
        elif name != "CONT":
            self._interrupt(name)

    def end_input(self) -> None:
        """No more input comes."""
        self._is_input_over = True
        self._wake_reader()

    def _queue(self, field: Field, value: Any) -> None:
        if self._is_lost:
            return
        self._out.add(field, value)
        if self._out:
            self._idle.clear()
            self._wake.set()

    async def _send(self, response: Any, write: Callable[[Any], Awaitable[None]]) -> bool:
        if self._is_new:
            response.run_id = self._run_id
            self._is_new = False
        self._is_writing = True
        try:
            await write(response)
        except aio.BaseError:  # the caller has gone
            self._lose()
            return False
        finally:
            self._is_writing = False
        return True

    def _lose(self) -> None:
        self._is_lost = True
        self._out.clear()
        self._idle.set()
        self.end_input()

    def _pull(self) -> None:
        if self._reader is None or self._is_pulled or self._is_lost:
            return
        self._is_pulled = True
        self._generation += 1
        self._queue(
            Field.READ_STDIN, pb.RunResponse.ReadStdin(max_bytes=self._wanted_bytes, generation=self._generation)
        )

    def _receive_input(self, data: bytes, generation: int) -> None:
        if generation == self._generation:
            self._is_pulled = False
        self._input += data
        self._wake_reader()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _tell_size(self) -> None:
        self._is_resize_due = False
        if self._resize_callback is not None:
            self._resize_callback()


def _environment(entries: list[bytes]) -> Mapping[str, str]:
    """NAME=VALUE entries as a mapping; the first of a name counts, as in C."""
    environment: dict[str, str] = {}
    for entry in entries:
        name, separator, value = entry.decode("utf-8", "surrogateescape").partition("=")
        if separator and name:
            environment.setdefault(name, value)
    return environment


def _size(size: Any) -> TerminalSize:
    """The size, with the usual one where the caller does not know."""
    return TerminalSize(columns=size.columns or DEFAULT_SIZE.columns, rows=size.rows or DEFAULT_SIZE.rows)
