"""The end of the process: asked for once, from any thread, and over in time whatever hangs."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Final

from atmos_ai_sidecar.lazy_dataclasses import dataclass

_LOG = logging.getLogger(__name__)
HARD_CAP_SECONDS: Final = 5.0
MAX_GRACE_SECONDS: Final = 4.0
"""What is left of the hard cap is for closing stores."""
EXIT_HUNG: Final = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How the process shall end."""

    why: str
    grace_seconds: float
    exit_code: int = 0


class Ending:
    """Waits for the wish to end. The first wish counts.

    From that moment a timer runs in a thread of its own, which ends the process when it has not ended by itself: also
    when the event loop is blocked, a handler is stubborn or a library's thread never comes back.
    """

    def __init__(
        self,
        *,
        last_act: Callable[[], None],
        hard_cap_seconds: float = HARD_CAP_SECONDS,
        exit_process: Callable[[int], object] = os._exit,
    ) -> None:
        """Prepares the end.

        Args:
            last_act: What the timer does before it ends the process.
            hard_cap_seconds: How long an orderly end may take.
            exit_process: Ends the process at once.
        """
        self._last_act = last_act
        self._hard_cap_seconds = hard_cap_seconds
        self._exit_process = exit_process
        self._lock = threading.Lock()
        self._end: End | None = None
        self._loop = asyncio.get_running_loop()
        self._asked = asyncio.Event()
        self._timer: threading.Timer | None = None

    def ask(self, end: End) -> None:
        """Asks for the end; returns at once. From any thread."""
        with self._lock:
            if self._end is not None:
                return
            self._end = end
            self._timer = threading.Timer(self._hard_cap_seconds, self._give_up)
            self._timer.daemon = True
            self._timer.start()
        try:
            self._loop.call_soon_threadsafe(self._asked.set)
        except RuntimeError:  # the loop is closed: the end is under way by other means
            return

    async def wait(self) -> End:
        """Returns when somebody has asked."""
        await self._asked.wait()
        assert self._end is not None  # noqa: S101 - set before the event
        _LOG.info("ending: %s", self._end.why)
        return End(
            why=self._end.why,
            grace_seconds=min(self._end.grace_seconds, MAX_GRACE_SECONDS),
            exit_code=self._end.exit_code,
        )

    def leave(self, exit_code: int) -> None:
        """Ends the process now that everything is closed.

        Not by returning: the interpreter would wait for threads, and one that imports the model's library takes
        seconds, while nothing of this process may outlive its parent by one.
        """
        self._last_act()
        logging.shutdown()
        self._exit_process(exit_code)

    def _give_up(self) -> None:
        _LOG.error("the end took longer than %s s and is forced", self._hard_cap_seconds)
        self._last_act()
        self._exit_process(EXIT_HUNG)
