import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from atmos_ai_sidecar.application.broadcast import (
    KEPT_EVENTS,
    KEPT_TIME,
    LOOK_SECONDS,
    PAGE_EVENTS,
    WINDOW_EVENTS,
    Broadcast,
)
from atmos_ai_sidecar.application.ports.journal import OpenTurn
from atmos_ai_sidecar.domain.events import SessionEvent, TextDelta, TurnEvent
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import StorageFullError
from tests.fakes.clock import FakeClock

SESSION = SessionId("s")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class FakeJournal:
    def __init__(self) -> None:
        self.events: list[SessionEvent] = []
        self.reads = 0
        self.pruned: list[tuple[datetime, int]] = []
        self.is_full = False

    async def append_events(
        self, session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]
    ) -> Sequence[SessionEvent]:
        if self.is_full:
            raise StorageFullError("The disk is full.")
        first = await self.last_seq(session_id) + 1
        stored = [SessionEvent(seq=first + n, turn_id=turn_id, time=NOW, event=event) for n, event in enumerate(events)]
        self.events.extend(stored)
        return stored

    async def read_events(self, session_id: SessionId, *, after_seq: int, limit: int) -> Sequence[SessionEvent]:
        self.reads += 1
        return [event for event in self.events if event.seq > after_seq][:limit]

    async def last_seq(self, session_id: SessionId) -> int:
        return self.events[-1].seq if self.events else 0

    async def begin_turn(self, session_id: SessionId, turn_id: str, owner: str) -> None: ...

    async def finish_turn(self, session_id: SessionId, turn_id: str) -> None: ...

    async def take_over_turn(self, session_id: SessionId, turn_id: str, *, owner: str, previous_owner: str) -> bool:
        raise NotImplementedError

    async def open_turns(self) -> Sequence[OpenTurn]:
        return ()

    async def prune_events(self, session_id: SessionId, *, before: datetime, keep: int) -> None:
        if self.is_full:
            raise StorageFullError("The disk is full.")
        self.pruned.append((before, keep))


def words(count: int) -> list[TextDelta]:
    return [TextDelta(text=str(number)) for number in range(count)]


async def take(events: AsyncIterator[SessionEvent], count: int) -> list[int]:
    async with asyncio.timeout(5):
        return [(await anext(events)).seq for _ in range(count)]


@pytest.fixture
def journal() -> FakeJournal:
    return FakeJournal()


async def test_listener_hears_what_comes_after_it_entered(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    await broadcast.publish(SESSION, "t", words(3))
    async with broadcast.events(SESSION) as events:
        await broadcast.publish(SESSION, "t", words(2))
        assert await take(events, 2) == [4, 5]
    assert journal.reads == 0


async def test_listener_replays_the_journal_and_goes_live_without_gap_or_duplicate(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    await broadcast.publish(SESSION, "t", words(PAGE_EVENTS + 10))
    async with broadcast.events(SESSION, after_seq=5) as events:
        first = await take(events, 3)
        await broadcast.publish(SESSION, "t", words(4))
        rest = await take(events, PAGE_EVENTS + 10 + 4 - 5 - 3)
    assert first + rest == list(range(6, PAGE_EVENTS + 15))


async def test_slow_listener_reads_what_fell_out_of_the_window(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    async with broadcast.events(SESSION) as slow, broadcast.events(SESSION) as fast:
        for _ in range(10):
            await broadcast.publish(SESSION, "t", words(100))
        assert await take(fast, 1000) == list(range(1, 1001))
        assert await take(slow, 1000) == list(range(1, 1001))
    assert journal.reads > 0
    assert WINDOW_EVENTS < 1000


async def test_waiting_listener_is_woken_by_the_next_event(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    async with broadcast.events(SESSION) as events, asyncio.TaskGroup() as group:
        waiting = group.create_task(take(events, 1))
        await asyncio.sleep(0)
        await broadcast.publish(SESSION, "t", words(1))
    assert waiting.result() == [1]


async def test_event_that_could_not_be_journalled_is_told_to_nobody(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    async with broadcast.events(SESSION) as events:
        journal.is_full = True
        with pytest.raises(StorageFullError):
            await broadcast.publish(SESSION, "t", words(1))
        journal.is_full = False
        await broadcast.publish(SESSION, "t", [TextDelta(text="after")])
        async with asyncio.timeout(5):
            event = await anext(events)
    assert (event.seq, event.event) == (1, TextDelta(text="after"))


async def test_announced_event_reaches_listeners_though_the_journal_has_it_not(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    async with broadcast.events(SESSION) as events:
        broadcast.announce(SessionEvent(seq=1, turn_id="t", time=NOW, event=TextDelta(text="x")), SESSION)
        assert await take(events, 1) == [1]


async def test_announcing_to_nobody_does_nothing(journal: FakeJournal) -> None:
    Broadcast(journal).announce(SessionEvent(seq=1, turn_id="t", time=NOW, event=TextDelta(text="x")), SESSION)


async def test_last_seq_is_the_journals(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    await broadcast.publish(SESSION, "t", words(3))
    assert await broadcast.last_seq(SESSION) == 3


async def test_listener_that_follows_others_hears_what_another_process_writes(journal: FakeJournal) -> None:
    clock = FakeClock()
    broadcast = Broadcast(journal, clock)
    async with broadcast.events(SESSION, after_seq=0, follows_others=True) as events:
        for count in (2, 3 * PAGE_EVENTS):
            seen = await journal.last_seq(SESSION)
            await journal.append_events(SESSION, "elsewhere", words(count))
            heard = asyncio.create_task(take(events, count))
            while not heard.done():
                await clock.wait_for_sleepers()
                clock.advance(LOOK_SECONDS)
                await asyncio.sleep(0)
            assert heard.result() == list(range(seen + 1, seen + count + 1))
        await broadcast.publish(SESSION, "here", words(1))
        assert await take(events, 1) == [3 * PAGE_EVENTS + 3]


async def test_listener_hears_once_what_a_look_has_brought_before_its_writer_tells(journal: FakeJournal) -> None:
    clock = FakeClock()
    broadcast = Broadcast(journal, clock)
    append = journal.append_events
    looked = asyncio.Event()

    async def slow(session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]) -> Sequence[SessionEvent]:
        stored = await append(session_id, turn_id, events)
        await append(session_id, "elsewhere", words(2))
        await looked.wait()
        return stored

    async with broadcast.events(SESSION, follows_others=True) as events:
        journal.append_events = slow  # type: ignore[method-assign]
        publishing = asyncio.create_task(broadcast.publish(SESSION, "here", words(2)))
        await clock.wait_for_sleepers()
        clock.advance(LOOK_SECONDS)
        assert await take(events, 4) == [1, 2, 3, 4]
        looked.set()
        await publishing
        await broadcast.publish(SESSION, "here", words(1))
        assert await take(events, 1) == [5]


async def test_nobody_looks_at_the_journal_when_nobody_follows(journal: FakeJournal) -> None:
    clock = FakeClock()
    broadcast = Broadcast(journal, clock)
    async with broadcast.events(SESSION, follows_others=True):
        await clock.wait_for_sleepers()
    async with broadcast.events(SESSION):
        await asyncio.sleep(0)
        assert len(clock.sleeps) == 1


async def test_a_journal_that_cannot_be_read_is_looked_at_again(journal: FakeJournal) -> None:
    clock = FakeClock()
    broadcast = Broadcast(journal, clock)
    async with broadcast.events(SESSION, follows_others=True) as events:
        await journal.append_events(SESSION, "elsewhere", words(1))
        working = journal.last_seq

        async def broken(session_id: SessionId) -> int:
            journal.last_seq = working  # type: ignore[method-assign]
            raise StorageFullError("The disk is full.")

        await clock.wait_for_sleepers()
        journal.last_seq = broken  # type: ignore[method-assign]
        clock.advance(LOOK_SECONDS)
        await clock.wait_for_sleepers()
        clock.advance(LOOK_SECONDS)
        assert await take(events, 1) == [1]


async def test_real_event_takes_the_place_of_the_announced_one(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    async with broadcast.events(SESSION) as heard, broadcast.events(SESSION) as late:
        announced = SessionEvent(seq=0, turn_id="t", time=NOW, event=TextDelta(text="announced"))
        broadcast.announce(announced, SESSION)
        assert await take(heard, 1) == [1]
        await broadcast.publish(SESSION, "t", [TextDelta(text="real"), TextDelta(text="next")])
        assert await take(heard, 1) == [2]
        async with asyncio.timeout(5):
            assert (await anext(late)).event == TextDelta(text="real")


async def test_listener_goes_on_behind_what_the_journal_has_forgotten(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    await broadcast.publish(SESSION, "t", words(5))
    assert await broadcast.first_seq(SESSION, after_seq=1) == 2
    del journal.events[:3]
    assert await broadcast.first_seq(SESSION, after_seq=1) == 4
    assert await broadcast.first_seq(SESSION, after_seq=5) == 6
    async with broadcast.events(SESSION, after_seq=1) as events:
        assert await take(events, 2) == [4, 5]


async def test_what_nobody_comes_back_for_is_forgotten(journal: FakeJournal) -> None:
    broadcast = Broadcast(journal)
    await broadcast.prune(SESSION, NOW)
    assert journal.pruned == [(NOW - KEPT_TIME, KEPT_EVENTS)]
    journal.is_full = True
    await broadcast.prune(SESSION, NOW)
