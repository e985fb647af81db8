"""Which model a session asks: the one that it remembers, until somebody chooses another."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import InvalidFieldError
from tests.application.world import World
from tests.fakes.clock import FakeClock
from tests.fakes.model import says


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with asyncio.timeout(5):
        clock = FakeClock(jumps=True)
        store = await open_memory_store(clock)
        world = World(store, clock)
        yield world
        await world.chat.close()
        await store.close()


@pytest.fixture
async def session(world: World) -> Session:
    return await world.sessions.create(name="s")


async def test_a_chosen_model_is_remembered_before_any_turn(world: World, session: Session) -> None:
    chosen = await world.sessions.choose_model(session.id, "claude-haiku-5-5")
    resumed, is_new = await world.sessions.resume_or_create(session.name)
    assert not is_new
    assert resumed == chosen
    assert world.sessions.model_of(resumed) == "claude-haiku-5-5"
    world.model.answers = [(says("Hi."),)]
    await world.run(session)
    assert world.model.requests[0].model == "claude-haiku-5-5"


async def test_choosing_the_same_model_changes_nothing(world: World, session: Session) -> None:
    assert await world.sessions.choose_model(session.id, "m") == session


async def test_a_session_of_another_provider_asks_the_model_of_this_run(world: World, session: Session) -> None:
    await world.sessions.update(session.id, SessionChange(model="global.anthropic.x-v1:0", provider="bedrock"))
    world.model.answers = [(says("Hi."),)] * 2
    await world.run(session)
    remembered = await world.sessions.get(session.id)
    assert world.model.requests[0].model == "m"
    assert (remembered.model, remembered.provider) == ("m", "p")
    assert world.sessions.model_of(remembered) == "m"


async def test_a_session_that_forgets_its_model_asks_that_of_the_run(world: World, session: Session) -> None:
    forgetful = await world.sessions.update(session.id, SessionChange(model=""))
    assert world.sessions.model_of(forgetful) == "m"


@pytest.mark.parametrize("model", ["", "a b", "a\nb", "a\x1b[0m", "x" * 257])
async def test_what_can_be_no_name_is_refused(world: World, session: Session, model: str) -> None:
    with pytest.raises(InvalidFieldError):
        await world.sessions.choose_model(session.id, model)
    assert (await world.sessions.get(session.id)).model == "m"
