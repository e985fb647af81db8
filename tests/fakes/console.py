import asyncio
from collections.abc import Callable, Mapping

import pyte

from atmos_ai_sidecar.application.ports.console import TerminalMode, TerminalSize

TERMINAL = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


class FakeConsole:
    """A terminal in memory: what is typed is read, what is written stands on a screen.

    With ``reflows`` a narrower screen wraps what is on it, as most terminals do; xterm does not.
    """

    def __init__(
        self,
        *,
        columns: int = 80,
        rows: int = 24,
        environment: Mapping[str, str] | None = None,
        directory: str = "/project",
        stdin_is_terminal: bool = True,
        stdout_is_terminal: bool = True,
        stderr_is_terminal: bool = True,
        has_controlling_terminal: bool = True,
        reflows: bool = True,
    ) -> None:
        self.run_id = "run-1"
        self.environment = TERMINAL if environment is None else environment
        self.working_directory = directory
        self.umask = 0o022
        self.stdin_is_terminal = stdin_is_terminal
        self.stdout_is_terminal = stdout_is_terminal
        self.stderr_is_terminal = stderr_is_terminal
        self.has_controlling_terminal = has_controlling_terminal
        self.size = TerminalSize(columns=columns, rows=rows)
        self.stdout = b""
        self.stderr = b""
        self.modes: list[TerminalMode] = []
        self.prompter: list[bool] = []
        self.resume_tokens: list[str] = []
        self.farewells: list[bytes] = []
        self.suspensions = 0
        self.is_stopped = False
        self._reflows = reflows
        self._input: asyncio.Queue[tuple[bytes, Callable[[], None]]] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._resumed = asyncio.Event()
        self._on_resize: Callable[[], None] = lambda: None
        self._on_signal: Callable[[str], None] | None = None
        self._new_screen()

    # What a test does.

    def type(self, keys: str | bytes, *, when_read: Callable[[], None] = lambda: None) -> None:
        """Sends keys, as one piece of input; ``when_read`` is called as soon as somebody takes it."""
        self._input.put_nowait((keys.encode() if isinstance(keys, str) else keys, when_read))

    def end_input(self) -> None:
        self.type(b"")

    def signal(self, name: str) -> None:
        assert self._on_signal is not None, "nobody listens for signals"
        self._on_signal(name)

    def resize(self, columns: int, rows: int) -> None:
        lines, cursor = self.lines, self.screen.cursor
        place = (cursor.y, cursor.x)
        self.size = TerminalSize(columns=columns, rows=rows)
        if self._reflows:
            self._reflow(lines, place)
        else:
            self.screen.resize(rows, columns)
        self._on_resize()

    def resume(self) -> None:
        """Brings a suspended program back to the front."""
        self._resumed.set()

    @property
    def listens_for_signals(self) -> bool:
        return self._on_signal is not None

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def text(self) -> str:
        """Scrollback and screen."""
        above = ["".join(line[x].data for x in sorted(line)).rstrip() for line in self.screen.history.top]
        return "\n".join([*above, *self.lines])

    @property
    def out(self) -> str:
        return self.stdout.decode()

    @property
    def err(self) -> str:
        return self.stderr.decode()

    async def wait_for(self, *texts: str) -> None:
        """Returns when all of the texts stand on the screen or above it."""
        await self.wait_until(lambda: all(text in self.text for text in texts), f"for {texts}")

    async def wait_until(self, holds: Callable[[], object], what: str = "") -> None:
        try:
            async with asyncio.timeout(20):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            message = f"waited {what}; the screen shows:\n{self.text}\n"
            raise AssertionError(message) from None

    # The port.

    def write(self, data: bytes) -> None:
        self.stdout += data
        self._show(data, is_terminal=self.stdout_is_terminal)

    def write_error(self, data: bytes) -> None:
        self.stderr += data
        self._show(data, is_terminal=self.stderr_is_terminal)

    async def drain(self) -> None:
        await asyncio.sleep(0)

    def is_congested(self) -> bool:
        return self.is_stopped

    async def read(self, max_bytes: int = 65536) -> bytes:
        data, when_read = await self._input.get()
        when_read()
        if not data:
            self.end_input()
        if len(data) > max_bytes:
            rest = [self._input.get_nowait() for _ in range(self._input.qsize())]
            self.type(data[max_bytes:])
            for piece in rest:
                self._input.put_nowait(piece)
        return data[:max_bytes]

    def set_mode(self, mode: TerminalMode) -> None:
        self.modes.append(mode)
        self._changed.set()

    async def suspend(self) -> None:
        self.suspensions += 1
        self._changed.set()
        self._resumed.clear()
        await self._resumed.wait()

    def set_prompter(self, *, attached: bool) -> None:
        self.prompter.append(attached)

    def offer_resume(self, token: str) -> None:
        self.resume_tokens.append(token)

    def set_farewell(self, data: bytes) -> None:
        self.farewells.append(data)

    def on_resize(self, callback: Callable[[], None]) -> None:
        self._on_resize = callback

    def on_signal(self, callback: Callable[[str], None]) -> None:
        self._on_signal = callback
        self._changed.set()

    # Inside.

    def _new_screen(self) -> None:
        self.screen = pyte.HistoryScreen(self.size.columns, self.size.rows, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self.screen)

    def _show(self, data: bytes, *, is_terminal: bool) -> None:
        if is_terminal:
            is_raw = bool(self.modes) and self.modes[-1] is TerminalMode.RAW
            self._stream.feed(data if is_raw else data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        self._changed.set()

    def _reflow(self, lines: list[str], place: tuple[int, int]) -> None:
        """Wraps each row at the new width; the cursor stays on its character."""
        width, row, column = self.size.columns, *place
        wrapped: list[str] = []
        new_place = (0, 0)
        while len(lines) > row + 1 and not lines[-1]:
            lines = lines[:-1]
        for number, line in enumerate(lines):
            if number == row:
                new_place = (len(wrapped) + column // width, column % width)
            wrapped += [line[start : start + width] for start in range(0, max(len(line), 1), width)]
        history = self.screen.history.top
        self._new_screen()
        self.screen.history.top.extend(history)
        self._stream.feed("\r\n".join(wrapped).encode())
        scrolled = max(0, len(wrapped) - self.size.rows)
        self._stream.feed(f"\x1b[{new_place[0] - scrolled + 1};{new_place[1] + 1}H".encode())
