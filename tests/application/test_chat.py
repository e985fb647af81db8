import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.model import Retrying, TextPiece, ThinkingPiece
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    PermissionRequested,
    PermissionResolved,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallStarted,
    TurnEvent,
    TurnStarted,
    UsageReported,
)
from atmos_ai_sidecar.domain.history import repaired
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    ModelNotConfiguredError,
    ModelUnavailableError,
    SessionNotFoundError,
    ShuttingDownError,
    StorageBusyError,
    StorageFullError,
    TurnInProgressError,
)
from tests.application.world import READ, WRITE, World, finished
from tests.fakes.clock import FakeClock
from tests.fakes.model import Hang, calls, says
from tests.strict_history import violations


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


async def test_turn_streams_text_and_stores_both_messages(world: World, session: Session) -> None:
    world.model.answers = [(ThinkingPiece(thinking="hm"), TextPiece(text="Hel"), TextPiece(text="lo."), says("Hello."))]
    events = await world.run(session, "Hi")
    assert events[0] == TurnStarted(user_message="Hi", model="m")
    assert [e for e in events if isinstance(e, ThinkingDelta)] == [ThinkingDelta(thinking="hm")]
    assert "".join(e.text for e in events if isinstance(e, TextDelta)) == "Hello."
    assert finished(events).stop_reason is StopReason.END_TURN
    assert [m.text for m in await world.sessions.messages(session.id)] == ["Hi", "Hello."]
    assert not world.chat.is_running(session.id)


async def test_tool_calls_run_and_their_results_go_back_to_the_model(world: World, session: Session) -> None:
    world.model.answers = [(calls(READ),), (says("Done."),)]
    events = await world.run(session)
    kinds = [type(event) for event in events]
    assert kinds.index(ToolCallStarted) < kinds.index(ToolCallOutput) < kinds.index(ToolCallFinished)
    assert UsageReported in kinds
    second = world.model.requests[1].messages
    assert violations(second) == []
    assert second[-1].tool_results[0].result.output == "read ran"
    assert finished(events).steps == 2


async def test_resumed_session_sends_the_whole_conversation_with_its_tool_calls(world: World, session: Session) -> None:
    world.model.answers = [(calls(READ),), (says("Done."),), (says("Again."),)]
    await world.run(session, "First")
    await world.run(session, "Second")
    messages = world.model.requests[-1].messages
    assert [m.role for m in messages] == [Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER]
    assert messages[1].tool_calls == (READ,)
    assert violations(messages) == []


async def test_call_that_needs_consent_asks_and_runs_when_allowed(world: World, session: Session) -> None:
    world.model.answers = [(calls(WRITE),), (says("Done."),)]
    with world.approvals.attach("me") as prompter:
        running = asyncio.create_task(world.run(session))
        request = (await anext(aiter(prompter))).request
        option = next(option for option in request.options if option.answer is Answer.ALLOW_ALWAYS)
        await world.approvals.answer(request.id, option.id, shown_digest=request.digest, resolved_by="me")
        events = await running
    assert [type(e) for e in events if isinstance(e, PermissionRequested | PermissionResolved)] == [
        PermissionRequested,
        PermissionResolved,
    ]
    assert world.ran == ["w"]
    world.model.answers = [(calls(WRITE),), (says("Done."),)]
    await world.run(session)
    assert world.ran == ["w", "w"]


async def test_call_that_nobody_can_allow_is_denied_at_once_and_the_turn_goes_on(
    world: World, session: Session
) -> None:
    world.model.answers = [(calls(WRITE),), (says("I may not."),)]
    events = await world.run(session, attendance=Attendance.NOBODY)
    (result,) = [e.tool_result.result for e in events if isinstance(e, ToolCallFinished)]
    assert result.reason == "UNATTENDED"
    assert world.ran == []
    assert finished(events).stop_reason is StopReason.END_TURN


async def test_cancel_while_the_model_speaks_keeps_what_it_said(world: World, session: Session) -> None:
    hang = Hang(asyncio.Event(), asyncio.Event())
    world.model.answers = [(TextPiece(text="The CIDR is"), hang)]
    running = asyncio.create_task(world.run(session))
    await hang.reached.wait()
    assert await world.chat.cancel_turn(session.id)
    events = await running
    assert finished(events).stop_reason is StopReason.CANCELLED
    assert [m.text for m in await world.sessions.messages(session.id)] == ["Hello?", "The CIDR is"]
    assert not await world.chat.cancel_turn(session.id)


async def test_cancel_while_a_tool_runs_answers_its_call(world: World, session: Session) -> None:
    world.tool_goes_on.clear()
    world.model.answers = [(calls(READ),), (says("So?"),)]
    running = asyncio.create_task(world.run(session))
    await world.tool_reached.wait()
    await world.chat.cancel_turn(session.id)
    events = await running
    assert [e.tool_result.result.reason for e in events if isinstance(e, ToolCallFinished)] == ["CANCELLED"]
    world.tool_goes_on.set()
    await world.run(session, "And now?")
    assert violations(world.model.requests[-1].messages) == []


async def test_cancel_while_a_person_is_asked_settles_the_question(world: World, session: Session) -> None:
    world.model.answers = [(calls(WRITE),)]
    with world.approvals.attach("me") as prompter:
        running = asyncio.create_task(world.run(session))
        request = (await anext(aiter(prompter))).request
        await world.chat.cancel_turn(session.id)
        await running
        assert (await world.approvals.get(request.id)).outcome is Answer.CANCELLED


async def test_failure_of_the_model_ends_the_turn_with_its_reason(world: World, session: Session) -> None:
    world.model.answers = [(TextPiece(text="Half"), ModelUnavailableError("No connection to u.", url="u"))]
    end = finished(await world.run(session))
    assert (end.stop_reason, end.reason, end.metadata) == (StopReason.ERROR, "MODEL_UNAVAILABLE", {"url": "u"})
    assert "No connection to u." in end.message
    assert [m.text for m in await world.sessions.messages(session.id)] == ["Hello?", "Half"]


async def test_bug_below_ends_the_turn_with_an_id_and_no_text_of_its_own(
    world: World, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    world.model.answers = [(ValueError("secret detail"),)]
    end = finished(await world.run(session))
    assert end.reason == "INTERNAL_ERROR"
    assert "secret detail" not in end.message
    assert end.metadata["error_id"] in caplog.text


async def test_model_stream_without_an_end_is_an_error(world: World, session: Session) -> None:
    world.model.answers = [(TextPiece(text="x"),)]
    assert finished(await world.run(session)).reason == "MODEL_UNAVAILABLE"


async def test_retry_is_told_and_replaces_the_text(world: World, session: Session) -> None:
    retry = Retrying(attempt=2, delay_seconds=1, message="overloaded")
    world.model.answers = [(TextPiece(text="wrong"), retry, TextPiece(text="right"), says("right"))]
    events = await world.run(session)
    assert ModelRetrying(attempt=2, delay_seconds=1, message="overloaded") in events
    assert [m.text for m in await world.sessions.messages(session.id)] == ["Hello?", "right"]


async def test_one_turn_runs_in_a_session_at_a_time(world: World, session: Session) -> None:
    hang = Hang(asyncio.Event(), asyncio.Event())
    world.model.answers = [(hang, says("Done."))]
    running = asyncio.create_task(world.run(session))
    await hang.reached.wait()
    with pytest.raises(TurnInProgressError):
        await world.chat.start_turn(session.id, "Me too")
    with pytest.raises(TurnInProgressError):
        await world.sessions.delete(session.id)
    hang.go_on.set()
    await running


async def test_turn_may_follow_as_soon_as_the_end_was_heard(world: World, session: Session) -> None:
    world.model.answers = [(says("1"),)] * 20
    for _ in range(20):
        await world.run(session)


async def test_step_limit_of_the_order_wins(world: World, session: Session) -> None:
    world.model.answers = [(calls(READ),)]
    assert finished(await world.run(session, max_steps=1)).stop_reason is StopReason.MAX_STEPS


async def test_turn_without_tools_offers_none(world: World, session: Session) -> None:
    world.model.answers = [(says("Hi."),)]
    await world.run(session, with_tools=False)
    assert world.model.requests[0].tools == ()


async def test_model_of_the_order_is_remembered_by_the_session(world: World, session: Session) -> None:
    world.model.answers = [(says("Hi."),)]
    await world.run(session, model="other")
    assert world.model.requests[0].model == "other"
    assert (await world.sessions.get(session.id)).model == "other"


async def test_secret_of_the_user_is_neither_stored_nor_sent(world: World, session: Session) -> None:
    world.model.answers = [(says("Hi."),)]
    secret = "ghp_" + "a1B2" * 9
    await world.run(session, f"My token is {secret}")
    assert secret not in str(await world.sessions.messages(session.id))
    assert secret not in str(world.model.requests)


@pytest.mark.parametrize("text", ["", " \n"])
async def test_blank_message_starts_nothing(world: World, session: Session, text: str) -> None:
    with pytest.raises(InvalidFieldError):
        await world.chat.start_turn(session.id, text)


async def test_unknown_session_starts_nothing(world: World) -> None:
    with pytest.raises(SessionNotFoundError):
        await world.chat.start_turn(SessionId("nope"), "Hi")


async def test_missing_key_is_found_before_the_turn_and_the_text_is_kept_once(world: World, session: Session) -> None:
    world.problem = ModelNotConfiguredError("No key.")
    for _ in range(2):
        with pytest.raises(ModelNotConfiguredError):
            await world.chat.start_turn(session.id, "Hi")
    assert [message.text for message in await world.sessions.messages(session.id)] == ["Hi"]
    world.problem, world.model.answers = None, [(says("Hello."),)]
    await world.run(session, "Hi")
    assert [message.text for message in await world.sessions.messages(session.id)] == ["Hi", "Hello."]


async def test_closing_cancels_the_turns_and_takes_no_more(world: World, session: Session) -> None:
    hang = Hang(asyncio.Event(), asyncio.Event())
    world.model.answers = [(hang,)]
    running = asyncio.create_task(world.run(session))
    await hang.reached.wait()
    await world.chat.close()
    assert finished(await running).stop_reason is StopReason.CANCELLED
    with pytest.raises(ShuttingDownError):
        await world.chat.start_turn(session.id, "Hi")


async def test_busy_store_is_waited_for(world: World, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    append, failures = world.store.append_events, [StorageBusyError("busy")] * 3

    async def sometimes(*arguments: Any) -> Any:
        if failures:
            raise failures.pop()
        return await append(*arguments)

    monkeypatch.setattr(world.store, "append_events", sometimes)
    world.model.answers = [(says("Hi."),)]
    assert finished(await world.run(session)).stop_reason is StopReason.END_TURN
    assert world.clock.sleeps.count(1.0) == 3


async def test_full_disk_ends_the_turn_and_everybody_hears_it(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = world.store.append_events

    async def refuse(session_id: Any, turn_id: str, events: Sequence[TurnEvent]) -> Any:
        if any(isinstance(event, TurnStarted) for event in events):
            return await append(session_id, turn_id, events)
        raise StorageFullError("The disk is full.")

    monkeypatch.setattr(world.store, "append_events", refuse)
    world.model.answers = [(TextPiece(text="Hi."), says("Hi."))]
    end = finished(await world.run(session))
    assert (end.stop_reason, end.reason) == (StopReason.ERROR, "STORAGE_FULL")
    assert not world.chat.is_running(session.id)


@pytest.mark.parametrize("method", ["append_messages", "append_events"])
async def test_bug_in_the_store_ends_the_turn_and_the_session_is_free_again(
    world: World, session: Session, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    call = getattr(world.store, method)

    async def fail(session_id: Any, *arguments: Any) -> Any:
        if world.chat.is_running(session_id) and world.model.requests:
            raise ValueError("secret detail")
        return await call(session_id, *arguments)

    with monkeypatch.context() as broken:
        broken.setattr(world.store, method, fail)
        world.model.answers = [(TextPiece(text="Hi."), says("Hi."))]
        end = finished(await world.run(session))
    assert (end.stop_reason, end.reason) == (StopReason.ERROR, "INTERNAL_ERROR")
    assert "secret detail" not in end.message
    assert not world.chat.is_running(session.id)


class Dead:
    def is_alive(self, owner: str) -> bool:
        return False


class Alive:
    def is_alive(self, owner: str) -> bool:
        return True


def recovery(world: World, owners: Dead | Alive) -> Recovery:
    return Recovery(
        store=world.store,
        journal=world.store,
        approvals=world.store,
        broadcast=world.broadcast,
        owners=owners,
        owner="heir",
        clock=world.clock,
        left_calls=world.left_calls,
    )


async def cut_off(world: World, session: Session, *, in_tool: bool) -> None:
    """Leaves a turn as a process leaves it that is killed."""
    hang = Hang(asyncio.Event(), asyncio.Event())
    if in_tool:
        world.tool_goes_on.clear()
        world.model.answers = [(calls(READ),)]
    else:
        world.model.answers = [(TextPiece(text="The CIDR is"), hang)]
    async with world.chat.events(session.id) as events:
        await world.chat.start_turn(session.id, "Hello?")
        async for event in events:
            if isinstance(event.event, ToolCallOutput if in_tool else TextDelta):
                break
    _, task = world.turns._running.pop(session.id)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for other in asyncio.all_tasks() - {asyncio.current_task()}:
        if "RunningTurn" in repr(other) or "Outbox" in repr(other):
            other.cancel()
    world.tool_goes_on.set()


@pytest.mark.parametrize("in_tool", [False, True])
async def test_turn_of_a_dead_process_is_ended_once_and_its_history_stays_valid(
    world: World, session: Session, in_tool: bool
) -> None:
    await cut_off(world, session, in_tool=in_tool)
    assert await recovery(world, Alive()).recover() == 0
    assert await recovery(world, Dead()).recover() == 1
    assert await recovery(world, Dead()).recover() == 0
    messages = await world.sessions.messages(session.id)
    asked = [*messages, Message(role=Role.USER, blocks=(Text(text="Go on."),))]
    history = repaired(asked)
    assert history.repairs == ()
    assert violations(history.messages) == []
    if in_tool:
        assert "unknown" in messages[-1].tool_results[0].result.error
    else:
        assert messages[-1].text == "The CIDR is"
    world.model.answers = [(says("Here."),)]
    assert finished(await world.run(session)).stop_reason is StopReason.END_TURN
