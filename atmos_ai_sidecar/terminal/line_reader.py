"""Whole lines from a console whose terminal is cooked, or from a pipe."""

import codecs

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console

REACTION_SECONDS = 0.3
"""Nobody reads a question and answers it in less."""


class LineReader:
    """Reads lines on demand; nothing is taken from the caller before somebody waits for it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._has_ended = False

    async def line(self) -> str | None:
        """The next line without its end; None when there is no more input."""
        while "\n" not in self._pending and not self._has_ended:
            data = await self._console.read()
            self._has_ended = not data
            self._pending += self._decoder.decode(data, final=self._has_ended)
        line, end, self._pending = self._pending.partition("\n")
        return line.removesuffix("\r") if line or end else None

    async def answer(self, clock: Clock) -> tuple[str | None, bool]:
        """The next line, and whether it can be an answer to what was shown just now.

        On a terminal a line that is there already, or comes at once, was typed before; a pipe holds answers.
        """
        asked = clock.monotonic()
        line = await self.line()
        is_late = clock.monotonic() - asked >= REACTION_SECONDS
        return line, is_late or line is None or not self._console.stdin_is_terminal

    async def rest(self, limit: int) -> str:
        """Everything up to the end of the input, or a little more than ``limit`` characters of it."""
        while not self._has_ended and len(self._pending) <= limit:
            data = await self._console.read()
            self._has_ended = not data
            self._pending += self._decoder.decode(data, final=self._has_ended)
        text, self._pending = self._pending, ""
        return text
