"""A person at a real terminal: a program in a pseudo-terminal, and what its screen shows."""

import os
import re
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import pexpect
import pyte

PATIENCE_SECONDS = 20.0
"""Cold starts on a busy machine are slow; nothing here waits that long when all is well."""
READING_SECONDS = 0.4
"""Keys of the first 300 ms never answer, so a person's answer comes later than that."""
TOO_SOON, TYPED_BEFORE = "too soon", "typed before"
"""What a question says to a key, and to a line, that cannot be its answer."""


class Screen:
    """Types into a program and reads its screen. Waits on what is shown, never on time."""

    def __init__(
        self,
        arguments: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        directory: Path,
        columns: int = 100,
        rows: int = 30,
    ) -> None:
        self._screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=0.5)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        program, *rest = (str(argument) for argument in arguments)
        self.process = pexpect.spawn(
            program,
            rest,
            env=dict(environment),
            cwd=str(directory),
            dimensions=(rows, columns),
            timeout=PATIENCE_SECONDS,
        )
        self.process.delaybeforesend = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.close(force=True)

    @property
    def lines(self) -> Sequence[str]:
        """What is on the screen now."""
        return [line.rstrip() for line in self._screen.display]

    @property
    def buffer(self) -> Any:
        """The cells of the screen with their looks, by row and column."""
        return self._screen.buffer

    @property
    def text(self) -> str:
        """Scrollback and screen, as a person who scrolls up reads it."""
        history = ["".join(line[x].data for x in sorted(line)).rstrip() for line in self._screen.history.top]
        return "\n".join([*history, *self.lines])

    def type(self, keys: str) -> None:
        self.process.send(keys)

    def submit(self, line: str) -> None:
        """Types a line and presses Enter."""
        self.process.send(line)
        self.process.send("\r")

    def answer(self, keys: str, *, until: str) -> None:
        """Answers a question as a person does: after reading it, and again whenever told that it was too soon.

        Args:
            keys: What is typed.
            until: What the screen shows, as a pattern, when the answer has been taken.
        """
        is_taken = False
        while not is_taken:
            self._read_the_question()
            refusals = self.text.count(TYPED_BEFORE)
            self.type(keys)
            self.wait_until(partial(self._has_reacted, until, refusals), f"for {until!r}")
            is_taken = re.search(until, self.text) is not None

    def _read_the_question(self) -> None:
        end = time.monotonic() + READING_SECONDS
        self.wait_until(lambda _: time.monotonic() > end and not self._has_hint(), "for time to read")

    def _has_reacted(self, until: str, refusals: int, text: str) -> bool:
        return bool(re.search(until, text)) or self._has_hint() or text.count(TYPED_BEFORE) > refusals

    def _has_hint(self) -> bool:
        return any(TOO_SOON in line for line in self.lines)

    def wait_until(self, holds: Callable[[str], object], what: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Reads the screen until something holds for its text."""
        end = time.monotonic() + seconds
        while not holds(self.text):
            if time.monotonic() > end:
                self._fail(what)
            try:
                self._feed(self.process.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                if holds(self.text):
                    return
                self._fail(f"{what}, but the program ended")

    def wait_for(self, pattern: str) -> None:
        """Waits until the text matches the pattern, on the screen or above it."""
        self.wait_until(lambda text: re.search(pattern, text), f"for {pattern!r}")

    def wait_for_count(self, pattern: str, count: int) -> None:
        """Waits until the pattern is found at least that often."""
        self.wait_until(lambda text: len(re.findall(pattern, text)) >= count, f"for {count} times {pattern!r}")

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        self.process.setwinsize(rows, columns)

    def exit_code(self) -> int:
        """Waits for the program's end; 128 + n when signal n ended it."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._feed(self.process.read_nonblocking(65536, timeout=0.2))
            except pexpect.TIMEOUT:
                if time.monotonic() > end:
                    self._fail("for the program's end")
            except pexpect.EOF:
                break
        self.process.wait()
        if self.process.signalstatus is not None:
            return 128 + int(self.process.signalstatus)
        return int(self.process.exitstatus or 0)

    def signal(self, name: str) -> None:
        os.kill(int(self.process.pid or 0), getattr(signal, f"SIG{name}"))

    def is_cooked(self) -> bool:
        """Whether the terminal echoes and cuts lines, as a shell left it."""
        import termios

        flags = termios.tcgetattr(self.process.child_fd)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)

    def is_clean(self) -> bool:
        """Whether the terminal has its first modes again, and the screen no mode that a program switched on."""
        import pty
        import termios

        ends = pty.openpty()
        fresh, found = termios.tcgetattr(ends[1]), termios.tcgetattr(self.process.child_fd)
        for end in ends:
            os.close(end)
        switched = ((b"\x1b[?2004h", b"\x1b[?2004l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?2026h", b"\x1b[?2026l"))
        are_off = all(self.raw.rfind(off) >= self.raw.rfind(on) for on, off in (*switched, (b"\x1b[?7l", b"\x1b[?7h")))
        return fresh[:4] == found[:4] and fresh[6] == found[6] and are_off

    def _feed(self, data: Any) -> None:
        self.raw += data
        self._stream.feed(data)

    def _fail(self, what: str) -> None:
        shown = "\n".join(self.lines)
        message = f"waited {what}; the screen shows:\n{shown}\n"
        raise AssertionError(message)
