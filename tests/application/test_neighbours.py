"""Two sidecars on one store: one runs a turn, the other one has a client that wants to see it, or to go on."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.neighbours import Neighbours
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.domain.events import SessionEvent, StopReason, TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import StorageFullError, TurnInProgressError
from tests.application.world import World, finished, to_the_end
from tests.fakes.clock import FakeClock
from tests.fakes.model import Hang, says


class Living:
    """The owners that live."""

    def __init__(self, *owners: str) -> None:
        self.owners = set(owners)

    def is_alive(self, owner: str) -> bool:
        return owner in self.owners


@pytest.fixture
def living() -> Living:
    return Living("me", "neighbour")


@pytest.fixture
async def world(living: Living) -> AsyncIterator[World]:
    async with asyncio.timeout(5):
        clock = FakeClock(jumps=True)
        store = await open_memory_store(clock)
        world = World(store, clock)
        recovery = Recovery(
            store=store,
            journal=store,
            approvals=store,
            broadcast=world.broadcast,
            owners=living,
            owner="me",
            clock=clock,
            left_calls=world.left_calls,
        )
        world.chat._neighbours = Neighbours(store, living, recovery, owner="me", is_claimed=world.turns.is_claimed)
        yield world
        await world.chat.close()
        await store.close()


@pytest.fixture
async def session(world: World) -> Session:
    return await world.sessions.create(name="s")


async def test_a_living_neighbours_turn_is_seen_and_left_alone(world: World, session: Session) -> None:
    other = await world.sessions.create(name="other")
    await world.store.begin_turn(session.id, "turn-1", "neighbour")
    assert await world.chat.is_running_elsewhere(session.id)
    assert not await world.chat.is_running_elsewhere(other.id)
    with pytest.raises(TurnInProgressError):
        await world.chat.start_turn(session.id, "Hello?")
    assert [turn.owner for turn in await world.store.open_turns()] == ["neighbour"]


async def test_an_own_turn_does_not_run_elsewhere(world: World, session: Session) -> None:
    hang = Hang(asyncio.Event(), asyncio.Event())
    world.model.answers = [(hang, says("Done."))]
    await world.chat.start_turn(session.id, "Hello?")
    await hang.reached.wait()
    assert not await world.chat.is_running_elsewhere(session.id)
    with pytest.raises(TurnInProgressError):
        await world.chat.start_turn(session.id, "Hello again?")
    assert len(await world.store.open_turns()) == 1


async def test_of_two_turns_that_start_at_once_in_one_process_one_wins(world: World, session: Session) -> None:
    world.model.answers = [(says("Done."),)]
    async with world.chat.events(session.id) as events:
        answers = await asyncio.gather(
            *(world.chat.start_turn(session.id, f"Hello {number}?") for number in range(3)), return_exceptions=True
        )
        assert finished(await to_the_end(events)).stop_reason is StopReason.END_TURN
    assert sum(isinstance(answer, TurnInProgressError) for answer in answers) == 2


async def test_a_turn_whose_end_the_store_did_not_take_makes_way(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(session_id: str, turn_id: str, events: Sequence[TurnEvent]) -> Sequence[SessionEvent]:
        if any(isinstance(event, TurnFinished) for event in events):
            raise StorageFullError("The disk is full.")
        return await append(session_id, turn_id, events)  # type: ignore[arg-type]

    append = world.store.append_events
    monkeypatch.setattr(world.store, "append_events", refuse)
    world.model.answers = [(says("Lost."),), (says("Here."),)]
    assert finished(await world.run(session)).reason == "STORAGE_FULL"
    monkeypatch.undo()
    assert len(await world.store.open_turns()) == 1
    async with world.chat.events(session.id) as events:
        await world.chat.start_turn(session.id, "Hello again?")
        ends = [finished(await to_the_end(events)).stop_reason for _ in range(2)]
    assert ends == [StopReason.INTERRUPTED, StopReason.END_TURN]


async def test_a_dead_neighbours_turn_is_told_as_interrupted(world: World, session: Session, living: Living) -> None:
    await world.store.begin_turn(session.id, "turn-1", "neighbour")
    living.owners.remove("neighbour")
    async with world.chat.events(session.id) as events:
        assert not await world.chat.is_running_elsewhere(session.id)
        told = (await anext(events)).event
    assert isinstance(told, TurnFinished)
    assert told.stop_reason is StopReason.INTERRUPTED


async def test_a_session_that_a_dead_neighbour_held_goes_on(world: World, session: Session, living: Living) -> None:
    await world.store.begin_turn(session.id, "turn-1", "neighbour")
    living.owners.remove("neighbour")
    world.model.answers = [(says("Here."),)]
    async with world.chat.events(session.id) as events:
        await world.chat.start_turn(session.id, "Hello?")
        ends = [finished(await to_the_end(events)).stop_reason for _ in range(2)]
    assert ends == [StopReason.INTERRUPTED, StopReason.END_TURN]
