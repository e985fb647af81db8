"""The contract of Journal, as numbered behaviours that every journal must keep."""

import asyncio
from datetime import timedelta
from typing import Protocol

import pytest

from atmos_ai_sidecar.application.ports.journal import Journal, OpenTurn
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.events import StopReason, TextDelta, TurnFinished, TurnStarted
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError, TurnInProgressError
from tests.contracts.drafts import draft
from tests.fakes.clock import START, FakeClock

NOBODY = SessionId("00000000-0000-4000-8000-000000000000")


class JournalledStore(SessionStore, Journal, Protocol):
    """What these tests need of a store."""


@pytest.fixture
async def session(store: JournalledStore) -> Session:
    return await store.create_session(draft())


# 1. Turns.


async def test_01_a_session_has_at_most_one_open_turn(store: JournalledStore, session: Session) -> None:
    await store.begin_turn(session.id, "turn-1", "owner-1")
    with pytest.raises(TurnInProgressError, match="vpc-refactor"):
        await store.begin_turn(session.id, "turn-2", "owner-2")
    assert await store.open_turns() == (OpenTurn(session_id=session.id, turn_id="turn-1", owner="owner-1"),)


async def test_02_a_finished_turn_makes_way_for_the_next(store: JournalledStore, session: Session) -> None:
    await store.begin_turn(session.id, "turn-1", "owner-1")
    await store.finish_turn(session.id, "turn-1")
    await store.finish_turn(session.id, "turn-1")
    await store.begin_turn(session.id, "turn-2", "owner-1")
    await store.finish_turn(session.id, "turn-1")
    assert [turn.turn_id for turn in await store.open_turns()] == ["turn-2"]


async def test_03_the_end_of_a_turn_in_the_journal_ends_its_claim(store: JournalledStore, session: Session) -> None:
    await store.begin_turn(session.id, "turn-1", "owner-1")
    await store.append_events(session.id, "turn-1", [TurnFinished(stop_reason=StopReason.END_TURN)])
    assert await store.open_turns() == ()
    await store.begin_turn(session.id, "turn-2", "owner-1")


async def test_04_of_many_that_begin_a_turn_exactly_one_wins(store: JournalledStore, session: Session) -> None:
    answers = await asyncio.gather(
        *(store.begin_turn(session.id, f"turn-{number}", "owner") for number in range(10)), return_exceptions=True
    )
    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, TurnInProgressError) for answer in answers) == 9


async def test_05_open_turns_are_those_of_every_session(store: JournalledStore, session: Session) -> None:
    other = await store.create_session(draft("other"))
    await store.begin_turn(session.id, "turn-1", "owner-1")
    await store.begin_turn(other.id, "turn-1", "owner-2")
    assert {(turn.session_id, turn.owner) for turn in await store.open_turns()} == {
        (session.id, "owner-1"),
        (other.id, "owner-2"),
    }


async def test_06_a_turn_needs_a_session(store: JournalledStore) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.begin_turn(NOBODY, "turn-1", "owner-1")


# 2. Events.


async def test_07_events_are_numbered_from_one_without_a_gap(
    store: JournalledStore, session: Session, clock: FakeClock
) -> None:
    assert await store.last_seq(session.id) == 0
    first = await store.append_events(
        session.id, "turn-1", [TurnStarted(user_message="hi", model="m"), TextDelta(text="a")]
    )
    clock.advance(1)
    second = await store.append_events(session.id, "turn-2", [TextDelta(text="b")])
    assert [item.seq for item in (*first, *second)] == [1, 2, 3]
    assert first[0].time == START
    assert await store.last_seq(session.id) == 3
    assert await store.read_events(session.id, after_seq=0, limit=10) == (*first, *second)


async def test_08_events_are_read_from_any_place(store: JournalledStore, session: Session) -> None:
    await store.append_events(session.id, "turn-1", [TextDelta(text=str(number)) for number in range(1, 6)])
    read = await store.read_events(session.id, after_seq=2, limit=2)
    assert [item.event for item in read] == [TextDelta(text="3"), TextDelta(text="4")]
    assert await store.read_events(session.id, after_seq=5, limit=2) == ()


async def test_09_each_session_counts_for_itself(store: JournalledStore, session: Session) -> None:
    other = await store.create_session(draft("other"))
    await store.append_events(session.id, "turn-1", [TextDelta(text="a")])
    (stored,) = await store.append_events(other.id, "turn-1", [TextDelta(text="b")])
    assert stored.seq == 1


async def test_10_concurrent_writers_leave_no_gap_and_no_double(store: JournalledStore, session: Session) -> None:
    async with asyncio.timeout(30):
        await asyncio.gather(
            *(
                store.append_events(session.id, "turn-1", [TextDelta(text=f"{number}a"), TextDelta(text=f"{number}b")])
                for number in range(50)
            )
        )
    read = await store.read_events(session.id, after_seq=0, limit=1000)
    assert [item.seq for item in read] == list(range(1, 101))


async def test_11_events_need_a_session(store: JournalledStore) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.append_events(NOBODY, "turn-1", [TextDelta(text="a")])
    assert await store.last_seq(NOBODY) == 0
    assert await store.read_events(NOBODY, after_seq=0, limit=1) == ()


async def test_12_a_deleted_session_takes_its_turns_and_events_with_it(
    store: JournalledStore, session: Session
) -> None:
    await store.begin_turn(session.id, "turn-1", "owner-1")
    await store.append_events(session.id, "turn-1", [TextDelta(text="a")])
    assert await store.delete_session(session.id)
    assert await store.open_turns() == ()
    assert await store.read_events(session.id, after_seq=0, limit=1) == ()


async def test_13_of_many_that_take_over_a_turn_exactly_one_gets_it(store: JournalledStore, session: Session) -> None:
    await store.begin_turn(session.id, "turn-1", "dead")
    async with asyncio.timeout(5):
        taken = await asyncio.gather(
            *(
                store.take_over_turn(session.id, "turn-1", owner=f"heir-{number}", previous_owner="dead")
                for number in range(20)
            )
        )
    (turn,) = await store.open_turns()
    assert sum(taken) == 1
    assert turn.owner == f"heir-{taken.index(True)}"


async def test_14_a_finished_turn_is_not_taken_over(store: JournalledStore, session: Session) -> None:
    await store.begin_turn(session.id, "turn-1", "owner-1")
    await store.finish_turn(session.id, "turn-1")
    assert not await store.take_over_turn(session.id, "turn-1", owner="heir", previous_owner="owner-1")


# 3. Retention.

FINISHED = TurnFinished(stop_reason=StopReason.END_TURN)
LONG_AGO = START - timedelta(days=1)


async def numbers(store: JournalledStore, session: Session) -> list[int]:
    return [item.seq for item in await store.read_events(session.id, after_seq=0, limit=1000)]


async def run_turn(store: JournalledStore, session: Session, turn_id: str) -> None:
    await store.begin_turn(session.id, turn_id, "owner-1")
    await store.append_events(session.id, turn_id, [TextDelta(text=turn_id), FINISHED])


async def test_15_turns_that_ended_long_ago_are_forgotten_in_every_session(
    store: JournalledStore, session: Session, clock: FakeClock
) -> None:
    other = await store.create_session(draft("other"))
    for each in (session, other):
        await run_turn(store, each, "turn-1")
        clock.advance(60)
        await run_turn(store, each, "turn-2")
    await store.prune_events(session.id, before=LONG_AGO, keep=1000)
    assert await numbers(store, session) == [1, 2, 3, 4]
    await store.prune_events(session.id, before=START + timedelta(seconds=60), keep=1000)
    assert await numbers(store, session) == [3, 4]
    assert await numbers(store, other) == [1, 2, 3, 4]
    await store.prune_events(session.id, before=clock.now() + timedelta(seconds=1), keep=1000)
    assert await numbers(store, session) == await numbers(store, other) == []


async def test_16_of_one_session_only_the_newest_are_kept(store: JournalledStore, session: Session) -> None:
    other = await store.create_session(draft("other"))
    for each in (session, other):
        for number in range(5):
            await run_turn(store, each, f"turn-{number}")
    await store.prune_events(session.id, before=LONG_AGO, keep=3)
    assert await numbers(store, session) == [8, 9, 10]
    assert await numbers(store, other) == list(range(1, 11))
    await store.prune_events(session.id, before=LONG_AGO, keep=0)
    assert await numbers(store, session) == []


async def test_17_an_open_turn_keeps_all_of_its_events(
    store: JournalledStore, session: Session, clock: FakeClock
) -> None:
    await run_turn(store, session, "turn-1")
    await store.begin_turn(session.id, "turn-2", "owner-1")
    await store.append_events(session.id, "turn-2", [TextDelta(text=str(number)) for number in range(5)])
    clock.advance(60)
    await store.prune_events(session.id, before=clock.now(), keep=1)
    assert await numbers(store, session) == [3, 4, 5, 6, 7]
    assert [turn.turn_id for turn in await store.open_turns()] == ["turn-2"]


async def test_18_numbers_go_on_after_what_was_forgotten(store: JournalledStore, session: Session) -> None:
    await run_turn(store, session, "turn-1")
    await store.prune_events(session.id, before=LONG_AGO, keep=0)
    assert await store.last_seq(session.id) == 2
    (stored,) = await store.append_events(session.id, "turn-2", [TextDelta(text="a")])
    assert stored.seq == 3
    assert await store.read_events(session.id, after_seq=0, limit=10) == (stored,)
    await store.prune_events(NOBODY, before=LONG_AGO, keep=0)


async def test_19_a_long_past_is_forgotten_in_several_calls(store: JournalledStore, session: Session) -> None:
    for number in range(30):
        await run_turn(store, session, f"turn-{number}")
    before = START + timedelta(seconds=1)
    await store.prune_events(session.id, before=before, keep=1000)
    assert 0 < len(await numbers(store, session)) < 60
    await store.prune_events(session.id, before=before, keep=1000)
    assert await numbers(store, session) == []
