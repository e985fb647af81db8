"""A line for people that says what a command waits for, and for how long."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible

PATIENCE_SECONDS: Final = 0.3
"""What is done sooner needs no word."""
_STEP_SECONDS: Final = 0.5
_CLEARED: Final = "\r\x1b[K"


@asynccontextmanager
async def waiting_line(console: Console, clock: Clock, what: str, *, may_move: bool) -> AsyncIterator[None]:
    """Says on a terminal's standard error what is waited for while the context is open; elsewhere nothing.

    The line counts seconds and is gone afterwards, however the context is left. Where the cursor may not move it is
    written once, without them.
    """
    if not console.stderr_is_terminal:
        yield
        return
    line = _Line(console, clock, visible(what), may_move=may_move)
    task = asyncio.create_task(line.show(), name="waiting line")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        line.clear()


class _Line:
    def __init__(self, console: Console, clock: Clock, what: str, *, may_move: bool) -> None:
        self._console = console
        self._clock = clock
        self._what = what
        self._may_move = may_move
        self._is_there = False

    async def show(self) -> None:
        start = self._clock.monotonic()
        await self._clock.sleep(PATIENCE_SECONDS)
        if not self._may_move:
            self._console.write_error(f"{self._what[:1].upper()}{self._what[1:]}…\n".encode())
            return
        while True:
            self._is_there = True
            text = cut(f"{self._what} … {self._clock.monotonic() - start:.0f} s", self._console.size.columns - 1)
            self._console.write_error(f"{_CLEARED}{text}".encode())
            await self._clock.sleep(_STEP_SECONDS)

    def clear(self) -> None:
        if self._is_there:
            self._console.write_error(_CLEARED.encode())
