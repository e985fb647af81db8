"""Whether the event loop keeps up: a line in the log for whoever wonders why nothing moved."""

import asyncio
import logging
from typing import Final

_LOG = logging.getLogger(__name__)
CHECK_SECONDS: Final = 1.0
TOLERATED_SECONDS: Final = 1.0


async def watch_lag(*, check_seconds: float = CHECK_SECONDS, tolerated_seconds: float = TOLERATED_SECONDS) -> None:
    """Logs how long the loop was blocked, or the process stopped, whenever that was longer than tolerated."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + check_seconds
        await asyncio.sleep(check_seconds)
        lag = loop.time() - due
        if lag > tolerated_seconds:
            _LOG.warning("the event loop was blocked for %.1f s", lag)
