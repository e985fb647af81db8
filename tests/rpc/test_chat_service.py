import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from grpc import StatusCode, aio

from atmos_ai_sidecar.application.ports.model import TextPiece
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import ModelNotConfiguredError, ModelUnavailableError
from atmos_ai_sidecar.rpc.grpc_types import EOF
from atmos_ai_sidecar.rpc.limits import MAX_EVENT_BYTES
from atmos_ai_sidecar.v1 import chat_service_pb2 as pb
from atmos_ai_sidecar.v1 import permission_service_pb2 as permissions_pb
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from tests.fakes.clock import START
from tests.fakes.model import Hang, calls, says
from tests.rpc.world import OWNER, World, bearer, error_info


class Client:
    """One attached client."""

    def __init__(self, channel: aio.Channel, metadata: Any = OWNER) -> None:
        self.call: Any = ChatServiceStub(channel).Chat(metadata=metadata)
        self.events: list[pb.ChatResponse] = []

    async def send(self, **event: Any) -> None:
        await self.call.write(pb.ChatRequest(**event))

    async def attach(self, name: str = "s", **fields: Any) -> pb.ChatResponse.Attached:
        fields = fields if "session_id" in fields else {"session_name": name, **fields}
        await self.send(event_id=str(uuid.uuid4()), attach=pb.ChatRequest.Attach(**fields))
        event = await self.next()
        assert event.seq == 0
        return event.attached

    async def say(self, text: str, event_id: str = "", model: str = "") -> None:
        await self.send(event_id=event_id, user_message=pb.ChatRequest.UserMessage(text=text, model=model))

    async def next(self) -> pb.ChatResponse:
        async with asyncio.timeout(5):
            event = await self.call.read()
        assert event is not EOF, (await self.call.code(), await self.call.details())
        self.events.append(event)
        return event  # type: ignore[no-any-return]

    async def until(self, kind: str) -> pb.ChatResponse:
        while (event := await self.next()).WhichOneof("event") != kind:
            pass
        return event

    async def finished(self) -> pb.ChatResponse.TurnFinished:
        return (await self.until("turn_finished")).turn_finished

    async def end(self) -> StatusCode:
        """Reads to the end of the stream; its status."""
        async with asyncio.timeout(5):
            with suppress(aio.AioRpcError):
                while (event := await self.call.read()) is not EOF:
                    self.events.append(event)
            return await self.call.code()  # type: ignore[no-any-return]

    async def refusal(self) -> tuple[StatusCode, str]:
        code = await self.end()
        trailing, initial = await self.call.trailing_metadata(), await self.call.initial_metadata()
        error = aio.AioRpcError(code, initial, trailing, await self.call.details(), None)
        return code, error_info(error).reason

    @property
    def text(self) -> str:
        return "".join(event.text_delta.text for event in self.events)

    @property
    def kinds(self) -> list[str | None]:
        return [event.WhichOneof("event") for event in self.events]


Connect = Callable[..., Client]


@pytest.fixture
async def connect(channel: aio.Channel) -> AsyncIterator[Connect]:
    clients: list[Client] = []

    def connect(metadata: Any = OWNER) -> Client:
        clients.append(Client(channel, metadata))
        return clients[-1]

    yield connect
    for client in clients:
        client.call.cancel()


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()


@pytest.fixture
def hang() -> Hang:
    return Hang(reached=asyncio.Event(), go_on=asyncio.Event())


async def reached(hang: Hang) -> None:
    async with asyncio.timeout(5):
        await hang.reached.wait()


async def turn_ended(world: World, session_id: str) -> None:
    """Returns when no turn runs in the session any more."""
    async with asyncio.timeout(5):
        running = world.turns._running.get(SessionId(session_id))
        if running is not None:
            await asyncio.wait({running[1]})


async def test_turn_comes_as_events_in_order_and_ends_with_one_finish(world: World, client: Client) -> None:
    world.model.answers = [(TextPiece(text="Hel"), TextPiece(text="lo."), says("Hello."))]
    attached = await client.attach("new")
    assert (attached.session_name, attached.created, attached.last_seq) == ("new", True, 0)
    await client.say("Hi", model="other")
    finished = await client.finished()
    assert finished.stop_reason == pb.STOP_REASON_END_TURN
    assert client.text == "Hello."
    assert client.kinds[:2] == ["attached", "turn_started"]
    assert client.kinds.count("turn_finished") == 1
    assert client.events[1].turn_started.model == "other"
    assert [event.seq for event in client.events] == list(range(len(client.events)))
    assert len({event.turn_id for event in client.events[1:]}) == 1
    await client.call.done_writing()
    assert await client.end() is StatusCode.OK


async def test_end_of_input_means_no_more_input_and_the_turn_goes_on(world: World, client: Client, hang: Hang) -> None:
    world.model.answers = [(hang, TextPiece(text="Done."), says("Done."))]
    await client.attach()
    await client.say("Hi")
    await client.call.done_writing()
    await reached(hang)
    hang.go_on.set()
    assert await client.end() is StatusCode.OK
    assert client.kinds[-1] == "turn_finished"
    assert client.text == "Done."


async def test_failed_turn_is_an_event_and_the_stream_stays_open(world: World, client: Client) -> None:
    world.model.answers = [(ModelUnavailableError("No answer."),), (says("Better."),)]
    await client.attach()
    await client.say("Hi")
    failed = await client.finished()
    assert (failed.stop_reason, failed.reason) == (pb.STOP_REASON_ERROR, "MODEL_UNAVAILABLE")
    await client.say("Again")
    assert (await client.finished()).stop_reason == pb.STOP_REASON_END_TURN


async def test_two_clients_see_the_same_turn_and_only_one_may_run(world: World, connect: Connect, hang: Hang) -> None:
    world.model.answers = [(TextPiece(text="one"), hang, says("one"))]
    first, second = connect(), connect()
    await first.attach()
    assert not (await second.attach()).created
    await first.say("Hi")
    await second.until("text_delta")
    await second.say("Me too")
    assert await second.refusal() == (StatusCode.FAILED_PRECONDITION, "TURN_IN_PROGRESS")
    hang.go_on.set()
    assert (await first.finished()).stop_reason == pb.STOP_REASON_END_TURN
    assert first.text == second.text == "one"


async def test_resume_replays_what_came_after(world: World, connect: Connect) -> None:
    world.model.answers = [(TextPiece(text="Hello."), says("Hello."))]
    first, again = connect(), connect()
    await first.attach()
    await first.say("Hi")
    await first.finished()
    attached = await again.attach(resume_after_seq=1)
    await again.call.done_writing()
    assert await again.end() is StatusCode.OK
    assert attached.last_seq == first.events[-1].seq
    assert again.events[1:] == first.events[2:]


async def test_client_that_does_not_resume_sees_only_what_is_new(world: World, connect: Connect) -> None:
    world.model.answers = [(says("One."),)]
    first, second = connect(), connect()
    await first.attach()
    await first.say("Hi")
    await first.finished()
    await second.attach()
    await second.call.done_writing()
    assert await second.end() is StatusCode.OK
    assert second.kinds == ["attached"]


@pytest.mark.parametrize("seq", [1, -1, 99])
async def test_resume_beyond_the_last_event_is_refused(client: Client, seq: int) -> None:
    await client.send(attach=pb.ChatRequest.Attach(session_name="s", resume_after_seq=seq))
    assert await client.refusal() == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_repeated_event_is_dropped_also_on_another_stream(world: World, connect: Connect) -> None:
    world.model.answers = [(says("One."),)]
    event_id = str(uuid.uuid4())
    for client in (connect(), connect()):
        await client.attach()
        await client.say("Hi", event_id)
        await client.say("Hi", event_id.upper())
        await client.call.done_writing()
        assert await client.end() is StatusCode.OK
    assert len(world.model.requests) == 1


async def test_event_that_came_to_nothing_may_be_sent_again(world: World, connect: Connect) -> None:
    event_id = str(uuid.uuid4())
    world.model_error = ModelNotConfiguredError("There is no key.")
    refused = connect()
    await refused.attach()
    await refused.say("Hi", event_id)
    assert await refused.refusal() == (StatusCode.FAILED_PRECONDITION, "MODEL_NOT_CONFIGURED")
    world.model_error = None
    world.model.answers = [(says("One."),)]
    client = connect()
    await client.attach()
    await client.say("Hi", event_id)
    assert (await client.finished()).stop_reason == pb.STOP_REASON_END_TURN


@pytest.mark.parametrize("how", ["event", "rpc"])
async def test_cancel_ends_the_turn_and_not_the_stream(
    world: World, client: Client, channel: aio.Channel, hang: Hang, how: str
) -> None:
    world.model.answers = [(TextPiece(text="half"), hang), (says("Next."),)]
    session_id = (await client.attach()).session_id
    await client.send(cancel_turn=pb.ChatRequest.CancelTurn())
    await client.say("Hi")
    await reached(hang)
    if how == "event":
        await client.send(cancel_turn=pb.ChatRequest.CancelTurn())
    else:
        request = pb.CancelTurnRequest(session_id=session_id)
        answer = await ChatServiceStub(channel).CancelTurn(request, metadata=OWNER)
        assert answer.cancelled
    assert (await client.finished()).stop_reason == pb.STOP_REASON_CANCELLED
    assert client.text == "half"
    await client.say("Go on")
    assert (await client.finished()).stop_reason == pb.STOP_REASON_END_TURN


async def test_detach_cancels_the_turn_and_ends_the_stream(world: World, client: Client, hang: Hang) -> None:
    world.model.answers = [(hang,)]
    await client.attach()
    await client.say("Hi")
    await reached(hang)
    await client.send(detach=pb.ChatRequest.Detach())
    assert await client.end() is StatusCode.OK
    assert client.events[-1].turn_finished.stop_reason == pb.STOP_REASON_CANCELLED


async def test_detach_can_leave_the_turn_running(world: World, client: Client, hang: Hang) -> None:
    world.model.answers = [(hang, says("Done."))]
    session_id = (await client.attach()).session_id
    await client.say("Hi")
    await reached(hang)
    await client.send(detach=pb.ChatRequest.Detach(keep_running=True))
    assert await client.end() is StatusCode.OK
    assert world.turns.is_running(SessionId(session_id))
    hang.go_on.set()
    await turn_ended(world, session_id)


@pytest.mark.parametrize("half_closes_first", [False, True])
async def test_lost_client_ends_its_turn(world: World, connect: Connect, hang: Hang, half_closes_first: bool) -> None:
    world.model.answers = [(TextPiece(text="half"), hang)]
    client = connect()
    session_id = (await client.attach()).session_id
    await client.say("Hi")
    await reached(hang)
    if half_closes_first:
        await client.call.done_writing()
    client.call.cancel()
    await turn_ended(world, session_id)
    again = connect()
    await again.attach(session_id=session_id, resume_after_seq=0)
    assert (await again.finished()).stop_reason == pb.STOP_REASON_CANCELLED
    assert again.text == "half"


async def test_lost_client_leaves_its_turn_to_whoever_is_attached_too(
    world: World, connect: Connect, hang: Hang
) -> None:
    world.model.answers = [(hang, says("Done."))]
    lost, other = connect(), connect()
    await lost.attach()
    await other.attach()
    await lost.say("Hi")
    await reached(hang)
    lost.call.cancel()
    await asyncio.wait_for(lost.call.code(), 5)
    hang.go_on.set()
    assert (await other.finished()).stop_reason == pb.STOP_REASON_END_TURN


async def test_client_that_only_listens_may_leave_without_ending_the_turn(
    world: World, connect: Connect, hang: Hang
) -> None:
    world.model.answers = [(hang, says("Done."))]
    worker, listener = connect(), connect()
    await worker.attach()
    await listener.attach()
    await worker.say("Hi")
    await reached(hang)
    listener.call.cancel()
    hang.go_on.set()
    assert (await worker.finished()).stop_reason == pb.STOP_REASON_END_TURN


async def test_interactive_client_answers_the_question_of_its_turn(
    world: World, client: Client, channel: aio.Channel
) -> None:
    world.model.answers = [(calls(ToolCall(id="c", name="change", input={})),), (says("Done."),)]
    await client.attach(interactive=True)
    await client.say("Change it")
    request = (await client.until("permission_requested")).permission_requested.permission_request
    answer = permissions_pb.ResolvePermissionRequestRequest(
        permission_request_id=request.permission_request_id,
        option_id=request.options[0].option_id,
        digest=request.digest,
    )
    await PermissionServiceStub(channel).ResolvePermissionRequest(answer, metadata=OWNER)
    resolved = (await client.until("permission_resolved")).permission_resolved
    assert resolved.outcome == request.options[0].answer
    assert (await client.until("tool_call_finished")).tool_call_finished.tool_result.success
    await client.finished()
    assert world.tools.ran == ["change"]


@pytest.mark.parametrize("role", ["owner", "client"])
async def test_nobody_there_to_answer_is_told_at_once(world: World, connect: Connect, role: str) -> None:
    """A client cannot answer, so saying that it is interactive makes no difference."""
    world.model.answers = [(calls(ToolCall(id="c", name="change", input={})),), (says("Denied."),)]
    client = connect(OWNER if role == "owner" else bearer(world.tokens.mint_client()))
    await client.attach(interactive=role == "client")
    await client.say("Change it")
    result = (await client.until("tool_call_finished")).tool_call_finished.tool_result
    assert (result.success, result.reason) == (False, "UNATTENDED")
    await client.finished()
    assert world.tools.ran == []


async def test_client_role_cannot_run_turns_under_yolo(world: World, connect: Connect) -> None:
    world.settings = PermissionSettings(yolo=True)
    client = connect(bearer(world.tokens.mint_client()))
    await client.attach()
    await client.say("Hi")
    assert await client.refusal() == (StatusCode.PERMISSION_DENIED, "ROLE_FORBIDDEN")
    assert world.model.requests == []


async def test_huge_events_are_cut_and_the_stream_lives(world: World, client: Client) -> None:
    world.model.answers = [(says("Read."),)]
    await client.attach()
    await client.say("ü" * (2 * MAX_EVENT_BYTES))
    await client.finished()
    started = client.events[1]
    assert started.ByteSize() <= MAX_EVENT_BYTES
    assert started.turn_started.user_message.endswith("characters left out]")
    assert world.model.requests[0].messages[0].text == "ü" * (2 * MAX_EVENT_BYTES)


async def test_slow_client_gets_everything_in_the_end(world: World, connect: Connect) -> None:
    pieces = [TextPiece(text=f"{number:07d} " * 500) for number in range(2000)]
    text = "".join(piece.text for piece in pieces)
    world.model.answers = [(*pieces, says(text))]
    slow, fast = connect(), connect()
    await slow.attach()
    await fast.attach()
    await slow.say("Hi")
    assert (await fast.finished()).stop_reason == pb.STOP_REASON_END_TURN
    await slow.finished()
    assert slow.text == fast.text == text
    assert "replay_gap" not in slow.kinds


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"user_message": pb.ChatRequest.UserMessage(text="x")}, "ATTACH_REQUIRED"),
        ({"detach": pb.ChatRequest.Detach()}, "ATTACH_REQUIRED"),
        ({}, "ATTACH_REQUIRED"),
        ({"attach": pb.ChatRequest.Attach()}, "INVALID_FIELD"),
        ({"attach": pb.ChatRequest.Attach(session_name="a/b")}, "INVALID_FIELD"),
    ],
)
async def test_stream_must_begin_with_a_good_attach(client: Client, event: dict[str, Any], reason: str) -> None:
    await client.send(**event)
    assert await client.refusal() == (StatusCode.INVALID_ARGUMENT, reason)


async def test_attach_must_come_within_five_seconds(world: World, client: Client) -> None:
    await world.clock.wait_for_sleepers()
    world.clock.advance(5)
    assert await client.refusal() == (StatusCode.INVALID_ARGUMENT, "ATTACH_REQUIRED")


async def test_unknown_session_is_not_found(client: Client) -> None:
    await client.send(attach=pb.ChatRequest.Attach(session_id="none"))
    assert await client.refusal() == (StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"attach": pb.ChatRequest.Attach(session_name="s")}, "UNSUPPORTED_EVENT"),
        ({}, "UNSUPPORTED_EVENT"),
        ({"event_id": "1", "cancel_turn": pb.ChatRequest.CancelTurn()}, "INVALID_FIELD"),
        ({"user_message": pb.ChatRequest.UserMessage(text=" ")}, "INVALID_FIELD"),
    ],
)
async def test_event_that_makes_no_sense_ends_the_stream_and_no_turn(
    world: World, client: Client, hang: Hang, event: dict[str, Any], reason: str
) -> None:
    world.model.answers = [(hang, says("Done."))]
    session_id = (await client.attach()).session_id
    if "user_message" not in event:
        await client.say("Hi")
        await reached(hang)
    await client.send(**event)
    assert await client.refusal() == (StatusCode.INVALID_ARGUMENT, reason)
    assert world.turns.is_running(SessionId(session_id)) == ("user_message" not in event)
    hang.go_on.set()
    await turn_ended(world, session_id)


async def test_server_that_goes_away_says_so_and_ends_the_turn(world: World, client: Client, hang: Hang) -> None:
    world.model.answers = [(TextPiece(text="half"), hang)]
    await client.attach()
    await client.say("Hi")
    await reached(hang)
    assert world.server is not None
    stopping = asyncio.create_task(world.server.stop(5))
    assert await client.refusal() == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert client.kinds.index("going_away") < client.kinds.index("turn_finished")
    assert client.events[-1].turn_finished.stop_reason == pb.STOP_REASON_CANCELLED
    async with asyncio.timeout(5):
        await stopping


async def test_client_that_comes_back_too_late_is_told_what_it_missed(channel: aio.Channel, world: World) -> None:
    world.model.answers = [(says("one"),), (says("two"),)]
    client = Client(channel)
    attached = await client.attach()
    await client.say("Hello")
    await client.finished()
    await client.say("Again")
    last = await client.until("turn_finished")
    session_id = SessionId(attached.session_id)
    await world.store.prune_events(session_id, before=START, keep=2)
    on_time = Client(channel)
    await on_time.attach(session_id=session_id, resume_after_seq=1)
    assert (await on_time.next()).seq == 2  # somebody listens, so memory still has it
    for each in (client, on_time):
        await each.call.done_writing()
        assert await each.end() is StatusCode.OK
    late = Client(channel)
    await late.attach(session_id=session_id, resume_after_seq=1)
    assert (await late.next()).replay_gap.first_seq == last.seq - 1
    assert [(await late.next()).seq, (await late.next()).seq] == [last.seq - 1, last.seq]
    await late.call.done_writing()
    assert await late.end() is StatusCode.OK
    await world.store.prune_events(session_id, before=START, keep=0)
    later = Client(channel)
    await later.attach(session_id=session_id, resume_after_seq=1)
    assert (await later.next()).replay_gap.first_seq == last.seq + 1
    await later.call.done_writing()
    assert await later.end() is StatusCode.OK
