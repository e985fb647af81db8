"""Events of sessions, journalled first and then told to everybody who listens.

Guarantees: a listener gets every event after its starting point once and in order; publishing never waits for a
listener; memory is bounded, because all listeners of a session share one short window of recent events, and one that
falls behind it reads the journal. What the journal has forgotten is a gap in the numbers. A listener that follows other
processes too gets what they journal a moment later: the journal is looked at as long as somebody follows.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import field, replace
from datetime import datetime, timedelta

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

WINDOW_EVENTS = 256
PAGE_EVENTS = 256
LOOK_SECONDS = 0.5
"""Between two looks at the journal for what other processes have written."""
KEPT_EVENTS = 20_000
"""Of one session. They serve clients that come back; messages are kept for themselves."""
KEPT_TIME = timedelta(days=30)
_LOG = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Channel:
    """What the listeners of one session share."""

    last_seq: int
    window: deque[SessionEvent] = field(default_factory=lambda: deque(maxlen=WINDOW_EVENTS))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    users: int = 0
    has_announced: bool = False
    """The newest event is in the window and not in the journal."""

    def add(self, events: Sequence[SessionEvent]) -> None:
        """Takes what was journalled; what a look at the journal has brought before counts once."""
        if self.has_announced:
            self.window.clear()
            self.last_seq = min(self.last_seq, events[0].seq - 1)
            self.has_announced = False
        fresh = [event for event in events if event.seq > self.last_seq]
        if fresh:
            self._extend(fresh)

    def announce(self, event: SessionEvent) -> None:
        """Takes what the journal lacks, in the place of the event that it will have next."""
        self._extend([replace(event, seq=max(event.seq, self.last_seq + 1))])
        self.has_announced = True

    def _extend(self, events: Sequence[SessionEvent]) -> None:
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
    """Publishes the events of one journal. Use on one event loop.

    ``clock`` paces the looks at what others write; without it nobody else has this journal.
    """

    def __init__(self, journal: Journal, clock: Clock | None = None) -> None:
        self._journal = journal
        self._clock = clock
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
            channel.announce(event)

    async def last_seq(self, session_id: SessionId) -> int:
        """The newest sequence number of the session."""
        return await self._journal.last_seq(session_id)

    async def first_seq(self, session_id: SessionId, *, after_seq: int) -> int:
        """The first number after ``after_seq`` that can be told, now or when it is given."""
        channel = self._channels.get(session_id)
        found = channel.after(after_seq) if channel is not None else None
        if not found:
            found = await self._journal.read_events(session_id, after_seq=after_seq, limit=1)
        return found[0].seq if found else await self._journal.last_seq(session_id) + 1

    async def prune(self, session_id: SessionId, now: datetime) -> None:
        """Lets the journal forget what nobody comes back for any more; that it failed stops nobody."""
        try:
            await self._journal.prune_events(session_id, before=now - KEPT_TIME, keep=KEPT_EVENTS)
        except SidecarError as error:
            _LOG.warning("old events were not forgotten: %s", error)

    @asynccontextmanager
    async def events(
        self, session_id: SessionId, *, after_seq: int | None = None, follows_others: bool = False
    ) -> AsyncIterator[AsyncIterator[SessionEvent]]:
        """Events after ``after_seq`` and then live ones; None: live only, from the moment of entering.

        ``follows_others`` tells what other processes journal as well, soon and not only with the next own event.
        """
        channel = self._channels.get(session_id)
        if channel is None:
            last_seq = await self._journal.last_seq(session_id)
            channel = self._channels.setdefault(session_id, _Channel(last_seq))
        channel.users += 1
        start = channel.last_seq if after_seq is None else after_seq
        try:
            async with AsyncExitStack() as stack:
                if follows_others and self._clock is not None:
                    await stack.enter_async_context(self._looking(session_id, channel, self._clock))
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
                    seq = seq if events else channel.last_seq
            for event in events:
                seq = event.seq
                yield event
            if not events:
                await changed.wait()

    @asynccontextmanager
    async def _looking(self, session_id: SessionId, channel: _Channel, clock: Clock) -> AsyncIterator[None]:
        """Looks at the journal every now and then while the context lasts."""
        looking = asyncio.create_task(self._look(session_id, channel, clock), name="look at the journal")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self, session_id: SessionId, channel: _Channel, clock: Clock) -> None:
        while True:
            await clock.sleep(LOOK_SECONDS)
            try:
                if await self._journal.last_seq(session_id) > channel.last_seq:
                    known = channel.last_seq
                    channel.add(await self._journal.read_events(session_id, after_seq=known, limit=PAGE_EVENTS))
            except SidecarError as error:
                _LOG.info("the journal could not be looked at: %s", error)
