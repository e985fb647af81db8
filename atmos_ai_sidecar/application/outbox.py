"""The events of one running turn on their way to the journal, with deltas put together."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.events import TextDelta, ThinkingDelta, ToolCallOutput, TurnEvent
from atmos_ai_sidecar.domain.tools import OutputPiece

COALESCE_SECONDS = 0.016
COALESCE_CHARACTERS = 2048
MAX_PIECE_CHARACTERS = 16 * 1024
"""At most 64 KiB of UTF-8, so that an event stays far below its limit of 1 MiB."""

_DELTAS = (TextDelta, ThinkingDelta, ToolCallOutput)


class Outbox:
    """Collects events and publishes them in order: deltas at most every 16 ms or 2 KiB, others at once.

    A delta after a pause does not wait; what follows it closely does, and is put together.
    Publishing happens in ``run``, which has one owner. When it fails, ``failure`` is set and later events are kept.
    """

    def __init__(self, publish: Callable[[Sequence[TurnEvent]], Awaitable[None]], clock: Clock) -> None:
        self._publish = publish
        self._clock = clock
        self._events: list[TurnEvent] = []
        self._characters = 0
        self._waiting = asyncio.Event()
        self._urgent = asyncio.Event()
        self._is_closed = False
        self._published_at = -math.inf

    def put(self, event: TurnEvent) -> None:
        """Takes an event; never blocks."""
        self._events.append(event)
        self._characters += _length(event)
        if not isinstance(event, _DELTAS) or self._characters >= COALESCE_CHARACTERS:
            self._urgent.set()
        self._waiting.set()

    def close(self) -> None:
        """Lets ``run`` end when everything is published."""
        self._is_closed = True
        self._urgent.set()
        self._waiting.set()

    async def run(self) -> None:
        """Publishes until ``close``.

        Raises:
            What publishing raises: the events that it did not take are still there for ``take``.
        """
        while True:
            await self._waiting.wait()
            if not self._urgent.is_set():
                await self._pause()
            events = self.take()
            if events:
                try:
                    await self._publish(coalesced(events))
                except BaseException:
                    self._events[:0] = events
                    raise
                self._published_at = self._clock.monotonic()
            if self._is_closed and not self._events:
                return

    def take(self) -> Sequence[TurnEvent]:
        """Everything that is not published yet."""
        events, self._events = self._events, []
        self._characters = 0
        self._urgent.clear()
        self._waiting.clear()
        if self._is_closed:
            self._urgent.set()
            self._waiting.set()
        return events

    async def _pause(self) -> None:
        """Waits until deltas may be published again."""
        left = self._published_at + COALESCE_SECONDS - self._clock.monotonic()
        if left <= 0:
            return
        timer = asyncio.create_task(self._clock.sleep(left))
        urgent = asyncio.create_task(self._urgent.wait())
        try:
            await asyncio.wait((timer, urgent), return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            urgent.cancel()
            await asyncio.gather(timer, urgent, return_exceptions=True)


def coalesced(events: Sequence[TurnEvent]) -> Sequence[TurnEvent]:
    """The same events with neighbouring deltas joined, none of them longer than a piece may be."""
    joined: list[TurnEvent] = []
    for event in events:
        last = joined[-1] if joined else None
        both = _joined(last, event) if last is not None else None
        if both is None:
            joined.append(event)
        else:
            joined[-1] = both
    return joined


def _joined(first: TurnEvent, second: TurnEvent) -> TurnEvent | None:
    if _length(first) + _length(second) > MAX_PIECE_CHARACTERS:
        return None
    match first, second:
        case TextDelta(text=one), TextDelta(text=two):
            return TextDelta(text=one + two)
        case ThinkingDelta(thinking=one), ThinkingDelta(thinking=two):
            return ThinkingDelta(thinking=one + two)
        case ToolCallOutput(), ToolCallOutput() if (
            first.tool_call_id == second.tool_call_id and first.piece.stream == second.piece.stream
        ):
            piece = OutputPiece(stream=first.piece.stream, text=first.piece.text + second.piece.text)
            return ToolCallOutput(tool_call_id=first.tool_call_id, piece=piece)
        case _:
            return None


def _length(event: TurnEvent) -> int:
    match event:
        case TextDelta():
            return len(event.text)
        case ThinkingDelta():
            return len(event.thinking)
        case ToolCallOutput():
            return len(event.piece.text)
        case _:
            return 0
