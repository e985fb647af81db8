"""The ``Console`` on this process's own terminal and streams."""

import asyncio
import contextlib
import errno
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

from atmos_ai_sidecar.adapters.console.controlling_terminal import has_controlling_terminal
from atmos_ai_sidecar.adapters.console.ordered_writer import CONGESTED_BYTES, OrderedWriter
from atmos_ai_sidecar.adapters.console.pulled_input import PulledInput
from atmos_ai_sidecar.adapters.console.terminal_modes import UNDO, TerminalModes
from atmos_ai_sidecar.application.ports.console import TerminalMode, TerminalSize

STDIN, STDOUT, STDERR = 0, 1, 2
FAREWELL_SECONDS = 0.1
"""How long a command that was ended waits for a terminal that takes nothing."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_FALLBACK_SIZE = TerminalSize(columns=80, rows=24)

SetPrompter = Callable[[bool], None]


class LocalConsole:
    """This process's terminal. Use ``local_console``, which also gives everything back."""

    def __init__(self, set_prompter: SetPrompter | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._set_prompter = set_prompter
        self._modes = TerminalModes(STDIN)
        self._input = PulledInput(STDIN, self._loop)
        self._output = OrderedWriter(self._loop, self._lost)
        self._command: asyncio.Task[int] | None = None
        self._on_resize: Callable[[], None] | None = None
        self._on_signal: Callable[[str], None] | None = None
        self._continued: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()
        self._handled: list[signal.Signals] = []
        self.exit_code: int | None = None
        """Set when the console ended the command: 128 + the signal's number, 141 for a reader that went away."""
        self.run_id = uuid.uuid4().hex
        self.environment: Mapping[str, str] = MappingProxyType(dict(os.environ))
        self.working_directory = os.getcwd()  # noqa: PTH109 -- as the caller sees it, links and all
        self.umask = _current_umask()
        self.stdin_is_terminal, self.stdout_is_terminal, self.stderr_is_terminal = map(
            _is_terminal, (STDIN, STDOUT, STDERR)
        )
        self.has_controlling_terminal = has_controlling_terminal()

    @property
    def size(self) -> TerminalSize:
        """The terminal's size now; 80 by 24 where there is none or it does not know."""
        for descriptor in (STDOUT, STDIN, STDERR):
            with contextlib.suppress(OSError):
                size = os.get_terminal_size(descriptor)
                if size.columns and size.lines:
                    return TerminalSize(columns=size.columns, rows=size.lines)
        return _FALLBACK_SIZE

    def write(self, data: bytes) -> None:
        self._output.write(STDOUT, data)

    def write_error(self, data: bytes) -> None:
        self._output.write(STDERR, data)

    async def drain(self) -> None:
        await self._output.drain()

    def is_congested(self) -> bool:
        return self._output.pending_bytes > CONGESTED_BYTES

    async def read(self, max_bytes: int = 65536) -> bytes:
        return await self._input.read(max_bytes)

    def set_mode(self, mode: TerminalMode) -> None:
        if mode is TerminalMode.COOKED:
            self._input.revoke()
        else:
            self._input.allow()
        self._output.run(lambda: self._modes.set(mode))

    async def suspend(self) -> None:
        """Stops this process and those that the shell started with it, until the shell continues them."""
        self._input.revoke()
        self._output.run(self._modes.cook_for_a_stop)
        await self.drain()
        self._continued = self._loop.create_future()
        # Not SIGTSTP: its default action does not come back once a handler was installed.
        os.kill(0, signal.SIGSTOP)
        await self._continued
        self._input.allow()

    def set_prompter(self, *, attached: bool) -> None:
        if self._set_prompter is not None:
            self._set_prompter(attached)

    def offer_resume(self, token: str) -> None:
        """Does nothing: when this process dies, nothing is left that could resume."""

    def set_farewell(self, data: bytes) -> None:
        """Does nothing: when this process dies, nobody is left who could write it."""

    def on_resize(self, callback: Callable[[], None]) -> None:
        self._on_resize = callback

    def on_signal(self, callback: Callable[[str], None]) -> None:
        self._on_signal = callback

    def attend(self, command: "asyncio.Task[int]") -> None:
        """Names the task that is cancelled when a signal or a lost reader ends the command."""
        self._command = command

    def open(self) -> None:
        """Takes the signals that this process does not ignore."""
        handlers: dict[signal.Signals, Callable[[], None]] = {
            number: _bound(self._signalled, number) for number in _ENDING
        }
        handlers |= {
            signal.SIGCONT: self._continue,
            signal.SIGWINCH: self._resized,
            signal.SIGTSTP: self._stopped,
        }
        for number, handler in handlers.items():
            # nohup and shells without job control start programs with ignored signals, and mean it.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._loop.add_signal_handler(number, handler)
                self._handled.append(number)

    async def close(self) -> None:
        """Writes what is queued, restores the terminal and gives the signals back."""
        self._on_signal = None
        try:
            await self._finish_output()
            if self._modes.mode is TerminalMode.RAW:
                self._output.write(STDOUT, UNDO)
                await self._finish_output()
        finally:
            self._modes.restore()
            self._output.close()
            for number in self._handled:
                self._loop.remove_signal_handler(number)

    async def _finish_output(self) -> None:
        """Waits until the output is taken; once a signal ended the command, not for long."""
        drained = asyncio.ensure_future(self.drain())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({drained, ended}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({drained}, timeout=FAREWELL_SECONDS)
        finally:
            drained.cancel()
            ended.cancel()

    def _signalled(self, number: signal.Signals) -> None:
        if self._on_signal is not None:
            self._on_signal(number.name.removeprefix("SIG"))
        else:
            self._end(128 + number)

    def _continue(self) -> None:
        self._modes.apply()
        if self._continued is not None and not self._continued.done():
            self._continued.set_result(None)
        if self._on_signal is not None:
            self._on_signal("CONT")

    def _stopped(self) -> None:
        """SIGTSTP from outside: in raw mode Ctrl-Z is a key, and in cooked mode it comes here too."""
        self._modes.cook_for_a_stop()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _resized(self) -> None:
        if self._on_resize is not None:
            self._on_resize()

    def _lost(self, descriptor: int, error: OSError) -> None:
        if descriptor == STDOUT:
            self._end(128 + (signal.SIGHUP if error.errno == errno.EIO else signal.SIGPIPE))

    def _end(self, exit_code: int) -> None:
        if self.exit_code is None:
            self.exit_code = exit_code
        self._ended.set()
        if self._command is not None:
            self._command.cancel()


@asynccontextmanager
async def local_console(set_prompter: SetPrompter | None = None) -> AsyncIterator[LocalConsole]:
    """This process's terminal for one command; the terminal is restored on every way out.

    Args:
        set_prompter: Called with True when questions of this run shall be asked on the controlling terminal, and
            with False when no longer.
    """
    console = LocalConsole(set_prompter)
    console.open()
    try:
        yield console
    finally:
        await console.close()


async def run_on_local_console(
    command: Callable[[LocalConsole], Awaitable[int]], set_prompter: SetPrompter | None = None
) -> int:
    """Runs a command on this process's terminal and returns its exit code.

    A signal that the command does not handle, or a reader of its output that has gone, cancels it; the exit code is
    then 128 + the signal's number.
    """
    async with local_console(set_prompter) as console:
        task = asyncio.ensure_future(_awaited(command(console)))
        console.attend(task)
        try:
            exit_code = await task
        except asyncio.CancelledError:
            if console.exit_code is None or not task.cancelled():
                task.cancel()
                raise
            return console.exit_code
    return exit_code if console.exit_code is None else console.exit_code


async def _awaited(result: Awaitable[int]) -> int:
    return await result


def reserve_standard_streams() -> None:
    """Opens /dev/null in place of standard streams that are closed, before anything else can get their numbers.

    Without it a program started with ``<&-`` would read its own event loop's pipe as input.
    """
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _bound(handler: Callable[[signal.Signals], None], number: signal.Signals) -> Callable[[], None]:
    return lambda: handler(number)


def _is_terminal(descriptor: int) -> bool:
    try:
        return os.isatty(descriptor)
    except OSError:
        return False


def _current_umask() -> int:
    """The umask, which can only be read by setting it where /proc does not show it."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
            return next(int(line.split()[1], 8) for line in status if line.startswith("Umask:"))
    umask = os.umask(0o077)
    os.umask(umask)
    return umask
