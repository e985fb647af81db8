import asyncio
import math
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class FakeClock:
    """Time that stands still until a test moves it.

    With ``jumps`` a sleep of up to ``longest_jump`` seconds moves the time itself and returns at once. ``sleeps``
    lists every length asked for.
    """

    def __init__(self, start: datetime = START, *, jumps: bool = False, longest_jump: float = math.inf) -> None:
        self.sleeps: list[float] = []
        self._start = start
        self._elapsed = 0.0
        self._longest_jump = longest_jump if jumps else -1.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._changed = asyncio.Condition()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        if seconds <= self._longest_jump:
            self._elapsed += seconds
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (self._elapsed + seconds, waiter)
        self._sleepers.append(entry)
        async with self._changed:
            self._changed.notify_all()
        try:
            await waiter
        finally:
            if entry in self._sleepers:
                self._sleepers.remove(entry)

    def advance(self, seconds: float) -> None:
        """Moves the time and wakes whoever slept long enough."""
        self._elapsed += seconds
        for entry in sorted(self._sleepers, key=lambda sleeper: sleeper[0]):
            if entry[0] <= self._elapsed:
                self._sleepers.remove(entry)
                if not entry[1].done():
                    entry[1].set_result(None)

    async def wait_for_sleepers(self, count: int = 1) -> None:
        """Returns when at least that many tasks sleep; fails after 5 seconds."""
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(lambda: len(self._sleepers) >= count)
