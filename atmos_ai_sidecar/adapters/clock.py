import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """The machine's time. ``monotonic`` is untouched when somebody sets the time of day."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
