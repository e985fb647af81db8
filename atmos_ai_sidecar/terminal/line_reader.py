"""Whole lines from a console whose terminal is cooked, or from a pipe."""

import codecs

from atmos_ai_sidecar.application.ports.console import Console


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

    async def rest(self, limit: int) -> str:
        """Everything up to the end of the input, or a little more than ``limit`` characters of it."""
        while not self._has_ended and len(self._pending) <= limit:
            data = await self._console.read()
            self._has_ended = not data
            self._pending += self._decoder.decode(data, final=self._has_ended)
        text, self._pending = self._pending, ""
        return text
