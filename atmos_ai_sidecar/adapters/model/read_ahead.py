"""Reading the events of an answer a little ahead of who wants them."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

AHEAD_EVENTS: Final = 64
"""No more are read before somebody takes them: a sender that is too fast has to wait."""


class ReadAhead:
    """Reads events in a task of its own, which ends with the context: what has come is there without waiting.

    The alternative, a task and a timer for each event, took more time than everything else that is done with one.
    """

    def __init__(self, source: AsyncIterator[dict[str, Any]]) -> None:
        self._source = source
        self._events: deque[dict[str, Any]] = deque()
        self._arrived = asyncio.Event()
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._read(), name="read ahead")
        self._task.add_done_callback(lambda _: self._arrived.set())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def must_wait(self) -> bool:
        """Whether ``take`` has nothing to say yet."""
        return not self._events and self._task is not None and not self._task.done()

    async def wait(self) -> None:
        """Returns when ``take`` has something to say."""
        while self.must_wait:
            self._arrived.clear()
            await self._arrived.wait()

    def take(self) -> dict[str, Any] | None:
        """The next event, or None at the end; raises what the reading of it raised."""
        if self._events:
            event = self._events.popleft()
            self._wanted.set()
            return event
        if self._task is not None:
            self._task.result()
        return None

    async def _read(self) -> None:
        async for event in self._source:
            self._events.append(event)
            self._arrived.set()
            while len(self._events) >= AHEAD_EVENTS:
                self._wanted.clear()
                await self._wanted.wait()
