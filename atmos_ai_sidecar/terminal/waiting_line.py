"""A line for people that says what a command waits for, for how long, and how much of it is done."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible

PATIENCE_SECONDS: Final = 0.3
"""What is done sooner needs no word."""
PLAIN_PATIENCE_SECONDS: Final = 1.0
"""A line that stays, and is read aloud, has to be worth it."""
_STEP_SECONDS: Final = 0.5
_PLAIN_STEP_SECONDS: Final = 5.0
_BAR_CELLS: Final = 20
_ROOMY_COLUMNS: Final = 60
_CLEARED: Final = "\r\x1b[K"


class WaitingLine:
    """What is waited for; it can step aside for other output."""

    def __init__(self, console: Console, clock: Clock, what: str, progress: Progress, *, may_move: bool) -> None:
        self._console = console
        self._clock = clock
        self._what = what
        self._progress = progress
        self._may_move = may_move
        self._is_there = False
        self._asides = 0

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Leaves the terminal to others while the context is open."""
        self.clear()
        self._asides += 1
        try:
            yield
        finally:
            self._asides -= 1

    async def show(self) -> None:
        """Shows it until this is cancelled."""
        start = self._clock.monotonic()
        await self._clock.sleep(PATIENCE_SECONDS if self._may_move else PLAIN_PATIENCE_SECONDS)
        while True:
            if not self._asides:
                self._draw(self._clock.monotonic() - start)
            await self._clock.sleep(_STEP_SECONDS if self._may_move else _PLAIN_STEP_SECONDS)

    def clear(self) -> None:
        if self._is_there:
            self._console.write_error(_CLEARED.encode())
            self._is_there = False

    def _draw(self, seconds: float) -> None:
        what, share = visible(self._progress.what) or self._what, self._progress.share
        if not self._may_move:
            said = f"{what[:1].upper()}{what[1:]}…"
            more = ", ".join(text for text in (share, f"{seconds:.0f} s") if text)
            self._console.write_error(f"{said} {more}\n".encode())
            return
        columns = self._console.size.columns
        bar = f"{_bar(self._progress)} " if share and columns >= _ROOMY_COLUMNS else ""
        text = f"{what} … {bar}{share}{', ' if share else ''}{seconds:.0f} s"
        self._is_there = True
        self._console.write_error(f"{_CLEARED}{cut(text, columns - 1)}".encode())


@asynccontextmanager
async def waiting_line(
    console: Console, clock: Clock, what: str, progress: Progress | None = None, *, may_move: bool
) -> AsyncIterator[WaitingLine]:
    """Says on a terminal's standard error what is waited for while the context is open; elsewhere nothing.

    The line counts seconds, shows how much is done where that is known, and is gone afterwards, however the context
    is left. Where the cursor may not move, lines that stay say the same, every five seconds.
    """
    line = WaitingLine(console, clock, visible(what), progress or Progress(), may_move=may_move)
    if not console.stderr_is_terminal:
        yield line
        return
    task = asyncio.create_task(line.show(), name="waiting line")
    try:
        yield line
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        line.clear()


def _bar(progress: Progress) -> str:
    filled = min(progress.done, progress.total) * _BAR_CELLS // progress.total
    return f"[{'=' * filled}{' ' * (_BAR_CELLS - filled)}]"
