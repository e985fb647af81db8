from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can hold it."""

    def now(self) -> datetime:
        """The time of day in UTC, for people and records."""

    def monotonic(self) -> float:
        """Seconds that never go backwards, for durations."""

    async def sleep(self, seconds: float) -> None:
        """Waits at least that long."""
