"""What a process keeps of sessions beside what is stored is bounded."""

import asyncio

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.turns import MAX_MEMORIES, Turns
from atmos_ai_sidecar.domain.sessions import SessionId
from tests.application.world import World
from tests.fakes.clock import FakeClock
from tests.fakes.model import says


def test_of_very_many_sessions_those_used_last_are_remembered() -> None:
    turns = Turns()
    first, used = turns.memory(SessionId("first")), turns.memory(SessionId("used"))
    for number in range(MAX_MEMORIES - 1):
        turns.memory(SessionId(str(number)))
        assert turns.memory(SessionId("used")) is used
    assert turns.memory(SessionId("first")) is not first


async def test_turn_that_has_ended_is_not_kept() -> None:
    async with asyncio.timeout(5):
        clock = FakeClock(jumps=True)
        world = World(await open_memory_store(clock), clock)
        world.model.answers = [(says("Hello."),)]
        await world.run(await world.sessions.create(name="s"))
        ended = asyncio.Event()
        for task in asyncio.all_tasks():
            if task.get_name().startswith("turn "):
                await asyncio.wait({task})
        asyncio.get_running_loop().call_soon(ended.set)
        await ended.wait()
        assert not world.chat._tasks
        await world.chat.close()
        await world.store.close()
