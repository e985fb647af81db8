"""Changes that outlive their turn, told to the user and the model with a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.domain.events import Notice, NoticeKind, StopReason, ToolCallFinished, ToolCallOutput
from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState
from atmos_ai_sidecar.domain.sessions import Session
from tests.application.test_chat import Dead, cut_off, recovery
from tests.application.world import READ, World, finished
from tests.fakes.clock import START, FakeClock
from tests.fakes.model import calls, says

SECRET = "ghp_" + "a1B2c3D4e5F6" * 3


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with asyncio.timeout(10):
        clock = FakeClock(jumps=True)
        store = await open_memory_store(clock)
        world = World(store, clock)
        yield world
        await world.chat.close()
        await store.close()


@pytest.fixture
async def session(world: World) -> Session:
    return await world.sessions.create(name="s")


def left(session: Session, call_id: str = READ.id, state: LeftState = LeftState.RUNNING) -> LeftCall:
    return LeftCall(
        session_id=session.id,
        call_id=call_id,
        text=f"terraform apply -var token={SECRET}",
        start_time=START - timedelta(minutes=2),
        state=state,
    )


def over(call: LeftCall, exit_code: int = 0) -> LeftCall:
    return replace(
        call, state=LeftState.FINISHED, exit_code=exit_code, end_time=START, output=f"Apply complete! {SECRET}"
    )


async def cancelled_in_a_call(world: World, session: Session) -> list[object]:
    """A turn that is cancelled while its call runs."""
    world.tool_goes_on.clear()
    world.model.answers = [(calls(READ),)]
    seen: list[object] = []
    async with world.chat.events(session.id) as events:
        await world.chat.start_turn(session.id, "Apply it.")
        async for event in events:
            seen.append(event.event)
            if isinstance(event.event, ToolCallOutput):
                world.left_programs.calls[READ.id] = left(session)
                await world.chat.cancel_turn(session.id)
            if getattr(event.event, "stop_reason", None) is StopReason.CANCELLED:
                break
    world.tool_goes_on.set()
    return seen


async def test_a_change_that_outlives_its_cancelled_turn_is_told_as_still_running(
    world: World, session: Session
) -> None:
    seen = await cancelled_in_a_call(world, session)
    (notice,) = [event for event in seen if isinstance(event, Notice)]
    assert notice.kind is NoticeKind.CALL_LEFT
    assert "is still running after 2 min 0 s" in notice.message
    (told,) = [event.tool_result for event in seen if isinstance(event, ToolCallFinished)]
    stored = (await world.sessions.messages(session.id))[-1].tool_results
    assert [told] == list(stored)
    assert "must not be started again" in told.result.error
    assert SECRET not in repr(seen)
    assert READ.id in world.left_programs.calls


async def test_the_end_of_a_change_is_told_to_user_and_model_with_the_next_message_and_once(
    world: World, session: Session
) -> None:
    await cancelled_in_a_call(world, session)
    world.left_programs.calls[READ.id] = over(left(session), exit_code=1)
    world.model.answers = [(says("I see."),)]
    events = await world.run(session, "And now?")
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert "ended with exit code 1 after 2 min 0 s" in notice.message
    *_, note, question = [
        block.text for block in world.model.requests[-1].messages[-1].blocks if hasattr(block, "text")
    ]
    assert "ended with exit code 1" in note
    assert "Apply complete! <<secret:1>>" in note
    assert question == "And now?"
    assert SECRET not in repr(world.model.requests[-1])
    assert world.left_programs.calls == {}
    world.model.answers = [(says("Nothing new."),)]
    assert not [event for event in await world.run(session, "And now?") if isinstance(event, Notice)]


async def test_other_sessions_are_not_told(world: World, session: Session) -> None:
    other = await world.sessions.create(name="other")
    world.left_programs.calls[READ.id] = over(left(session))
    world.model.answers = [(says("Hello."),)]
    assert not [event for event in await world.run(other) if isinstance(event, Notice)]
    assert len(world.left_programs.calls) == 1


@pytest.mark.parametrize("state", [LeftState.FINISHED, LeftState.RUNNING, LeftState.UNKNOWN])
async def test_the_next_start_tells_what_became_of_a_change_whose_sidecar_died(
    world: World, session: Session, state: LeftState
) -> None:
    await cut_off(world, session, in_tool=True)
    call = left(session, state=state)
    world.left_programs.calls[READ.id] = over(call) if state is LeftState.FINISHED else call
    assert await recovery(world, Dead()).recover() == 1
    result = (await world.sessions.messages(session.id))[-1].tool_results[0].result
    assert result.success is (state is LeftState.FINISHED)
    told = {
        LeftState.FINISHED: "ended with exit code 0",
        LeftState.RUNNING: "still running",
        LeftState.UNKNOWN: "not known what became of",
    }
    assert told[state] in result.output
    assert SECRET not in repr(result)
    assert bool(world.left_programs.calls) is (state is LeftState.RUNNING)
    world.model.answers = [(says("I see."),)]
    events = await world.run(session, "Go on.")
    assert finished(events).stop_reason is StopReason.END_TURN
    assert world.ran == [READ.id]  # never again


async def test_a_call_that_was_heard_to_its_end_is_off_the_record(world: World, session: Session) -> None:
    world.left_programs.calls[READ.id] = over(left(session))
    world.model.answers = [(calls(READ),), (says("Done."),)]
    await world.run(session)
    assert world.left_programs.calls == {}


async def test_a_question_that_is_sent_again_takes_no_second_note(world: World, session: Session) -> None:
    world.left_programs.calls["call-1"] = left(session, "call-1")
    world.model.answers = [(), (says("Hello."),)]
    await world.run(session, "Hello?")
    await world.run(session, "Hello?")
    texts = [message.text for message in await world.sessions.messages(session.id)]
    assert texts.count("Hello?") == 1
    assert len([text for text in texts if "still running" in text]) == 1
