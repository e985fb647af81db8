"""Events of sessions, journalled first and then told to everybody who listens.

Guarantees: a listener gets every event after its starting point once and in order; publishing never waits for a
listener; memory is bounded, because all listeners of a session share one short window of recent events, and one that
falls behind it reads the journal.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent
from atmos_ai_sidecar.domain.sessions import SessionId

WINDOW_EVENTS = 256
PAGE_EVENTS = 256


@dataclass(eq=False, slots=True)
class _Channel:
    """What the listeners of one session share."""

    last_seq: int
    window: deque[SessionEvent] = field(default_factory=lambda: deque(maxlen=WINDOW_EVENTS))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    users: int = 0

    def add(self, events: Sequence[SessionEvent]) -> None:
        if events[0].seq != self.last_seq + 1:
            # Another process has written in between: whoever listens reads that from the journal.
            self.window.clear()
        self.window.extend(events)
        self.last_seq = events[-1].seq
        self.changed.set()
        self.changed = asyncio.Event()

    def after(self, seq: int) -> Sequence[SessionEvent] | None:
        """Events after ``seq``, or None when the window no longer reaches back that far."""
        if seq >= self.last_seq:
            return ()
        if not self.window or self.window[0].seq > seq + 1:
            return None
        return [event for event in self.window if event.seq > seq]


class Broadcast:
    """Publishes the events of one journal. Use on one event loop."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._channels: dict[SessionId, _Channel] = {}

    async def publish(
        self,
        session_id: SessionId,
        turn_id: str,
        events: Sequence[TurnEvent],
        *,
        before_telling: Callable[[], None] | None = None,
    ) -> None:
        """Journals the events and then tells the listeners; ``before_telling`` is called in between.

        Raises:
            StorageBusyError, StorageFullError and their kin: Nothing was stored and nobody was told.
        """
        stored = await self._journal.append_events(session_id, turn_id, events)
        if before_telling is not None:
            before_telling()
        channel = self._channels.get(session_id)
        if channel is not None:
            channel.add(stored)

    def announce(self, event: SessionEvent, session_id: SessionId) -> None:
        """Tells the listeners something that the journal could not take."""
        channel = self._channels.get(session_id)
        if channel is not None:
            channel.add((event,))

    async def last_seq(self, session_id: SessionId) -> int:
        """The newest sequence number of the session."""
        return await self._journal.last_seq(session_id)

    @asynccontextmanager
    async def events(
        self, session_id: SessionId, *, after_seq: int | None = None
    ) -> AsyncIterator[AsyncIterator[SessionEvent]]:
        """Events after ``after_seq`` and then live ones; None: live only, from the moment of entering."""
        channel = self._channels.get(session_id)
        if channel is None:
            last_seq = await self._journal.last_seq(session_id)
            channel = self._channels.setdefault(session_id, _Channel(last_seq))
        channel.users += 1
        start = channel.last_seq if after_seq is None else after_seq
        try:
            yield self._follow(session_id, channel, start)
        finally:
            channel.users -= 1
            if not channel.users:
                del self._channels[session_id]

    async def _follow(self, session_id: SessionId, channel: _Channel, seq: int) -> AsyncIterator[SessionEvent]:
        while True:
            changed = channel.changed
            events = channel.after(seq)
            if events is None:
                events = await self._journal.read_events(session_id, after_seq=seq, limit=PAGE_EVENTS)
                if not events:  # the journal no longer has them: go on with what the window holds
                    events = tuple(channel.window)
            for event in events:
                seq = event.seq
                yield event
            if not events:
                await changed.wait()
