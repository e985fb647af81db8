import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from grpc import StatusCode, aio

from atmos_ai_sidecar.rpc.grpc_types import EOF
from atmos_ai_sidecar.v1 import permission_service_pb2 as pb
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as tools_pb
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.rpc.world import OWNER, World, error_info


class Prompter:
    """Somebody who answers."""

    def __init__(self, channel: aio.Channel) -> None:
        self.call: Any = PermissionServiceStub(channel).Prompt(metadata=OWNER)

    async def attach(self, **fields: str) -> None:
        await self.call.write(pb.PromptRequest(attach=pb.PromptRequest.Attach(**fields)))
        assert (await self.next()).HasField("attached")

    async def next(self) -> pb.PromptResponse:
        async with asyncio.timeout(5):
            event = await self.call.read()
        assert event is not EOF, (await self.call.code(), await self.call.details())
        return event  # type: ignore[no-any-return]

    async def question(self) -> pb.PermissionRequest:
        return (await self.next()).question

    async def answer(self, question: pb.PermissionRequest, answer: int, **changes: str) -> None:
        option = next(option for option in question.options if option.answer == answer)
        fields = {
            "permission_request_id": question.permission_request_id,
            "option_id": option.option_id,
            "digest": question.digest,
        }
        await self.call.write(pb.PromptRequest(answer=pb.PromptRequest.AnswerRequest(**{**fields, **changes})))

    async def status(self) -> tuple[StatusCode, str]:
        async with asyncio.timeout(5):
            with suppress(aio.AioRpcError):
                while await self.call.read() is not EOF:
                    pass
            code = await self.call.code()
        if code is StatusCode.OK:
            return code, ""
        trailing, initial = await self.call.trailing_metadata(), await self.call.initial_metadata()
        error = aio.AioRpcError(code, initial, trailing, await self.call.details(), None)
        return code, error_info(error).reason


Connect = Callable[[], Prompter]


@pytest.fixture
async def connect(channel: aio.Channel) -> AsyncIterator[Connect]:
    prompters: list[Prompter] = []

    def connect() -> Prompter:
        prompters.append(Prompter(channel))
        return prompters[-1]

    yield connect
    for prompter in prompters:
        prompter.call.cancel()


@pytest.fixture
def permissions(channel: aio.Channel) -> Any:
    return PermissionServiceStub(channel)


@pytest.fixture
def change(channel: aio.Channel) -> Callable[[], Any]:
    """Starts a call that asks."""
    request = tools_pb.ExecuteToolRequest(name="change")
    return lambda: ToolRegistryServiceStub(channel).ExecuteTool(request, metadata=OWNER)


async def events_of(call: Any) -> list[Any]:
    async with asyncio.timeout(5):
        return [event async for event in call]


@pytest.mark.parametrize("runs", [True, False])
async def test_answer_of_a_prompter_decides_about_the_call(
    world: World, connect: Connect, change: Callable[[], Any], runs: bool
) -> None:
    prompter = connect()
    await prompter.attach(name="shim")
    call = change()
    question = await prompter.question()
    assert question.tool == "change"
    assert question.lines
    await prompter.answer(question, pb.ANSWER_ALLOW_ONCE if runs else pb.ANSWER_REJECT_ONCE)
    settled = (await prompter.next()).settled
    assert (settled.permission_request_id, settled.resolved_by) == (question.permission_request_id, "shim")
    if runs:
        events = await events_of(call)
        assert events[0].permission_requested.permission_request_id == question.permission_request_id
        assert events[-1].result.success
    else:
        with pytest.raises(aio.AioRpcError) as caught:
            await events_of(call)
        assert caught.value.code() is StatusCode.PERMISSION_DENIED
        assert error_info(caught.value).reason == "TOOL_EXECUTION_DENIED"
    assert world.tools.ran == (["change"] if runs else [])


async def test_call_that_nobody_can_answer_is_refused_at_once(world: World, change: Callable[[], Any]) -> None:
    call = change()
    async with asyncio.timeout(5):
        assert (await call.read()).HasField("permission_requested")
        with pytest.raises(aio.AioRpcError) as caught:
            await call.read()
    assert caught.value.code() is StatusCode.PERMISSION_DENIED
    assert error_info(caught.value).reason == "UNATTENDED"
    assert world.tools.ran == []


async def test_first_answer_wins_and_every_prompter_hears_of_it(
    world: World, connect: Connect, change: Callable[[], Any]
) -> None:
    first, second = connect(), connect()
    await first.attach(name="first")
    await second.attach(name="second")
    call = change()
    question = await first.question()
    assert await second.question() == question
    await first.answer(question, pb.ANSWER_ALLOW_ONCE)
    assert (await second.next()).settled.resolved_by == "first"
    await second.answer(question, pb.ANSWER_REJECT_ONCE)
    assert (await second.next()).answer_refused.reason == "PERMISSION_ALREADY_RESOLVED"
    assert (await events_of(call))[-1].result.success
    assert world.tools.ran == ["change"]


async def test_answers_at_once_settle_it_once(world: World, connect: Connect, change: Callable[[], Any]) -> None:
    first, second = connect(), connect()
    await first.attach(name="first")
    await second.attach(name="second")
    for _ in range(100):
        call = change()
        question = await first.question()
        await second.question()
        await asyncio.gather(
            first.answer(question, pb.ANSWER_ALLOW_ONCE), second.answer(question, pb.ANSWER_REJECT_ONCE)
        )
        heard = [await first.next(), await second.next()]
        refused = [event for event in heard if event.HasField("answer_refused")]
        if not refused:  # the loser heard of the settlement before its answer arrived
            loser = second if heard[0].settled.outcome == pb.ANSWER_ALLOW_ONCE else first
            refused = [await loser.next()]
        else:
            loser = first if heard[0].HasField("answer_refused") else second
            await loser.next()
        assert refused[0].answer_refused.reason == "PERMISSION_ALREADY_RESOLVED"
        with suppress(aio.AioRpcError):
            await events_of(call)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"permission_request_id": "none"}, "PERMISSION_REQUEST_NOT_FOUND"),
        ({"digest": "other"}, "INVALID_FIELD"),
        ({"option_id": "other"}, "INVALID_FIELD"),
    ],
)
async def test_answer_that_does_not_count_is_told_and_the_stream_stays(
    connect: Connect, change: Callable[[], Any], changes: dict[str, str], reason: str
) -> None:
    prompter = connect()
    await prompter.attach()
    call = change()
    question = await prompter.question()
    await prompter.answer(question, pb.ANSWER_ALLOW_ONCE, **changes)
    assert (await prompter.next()).answer_refused.reason == reason
    await prompter.answer(question, pb.ANSWER_ALLOW_ONCE)
    assert (await prompter.next()).settled.outcome == pb.ANSWER_ALLOW_ONCE
    assert (await events_of(call))[-1].result.success


async def test_prompter_of_a_run_sees_nothing_of_others(connect: Connect, change: Callable[[], Any]) -> None:
    prompter = connect()
    await prompter.attach(run_id="some run")
    with pytest.raises(aio.AioRpcError) as caught:
        await events_of(change())
    assert error_info(caught.value).reason == "UNATTENDED"


async def test_prompter_that_vanishes_hands_its_question_to_the_next(
    connect: Connect, change: Callable[[], Any]
) -> None:
    first, second = connect(), connect()
    await first.attach()
    call = change()
    question = await first.question()
    first.call.cancel()
    await second.attach()
    assert await second.question() == question
    await second.answer(question, pb.ANSWER_ALLOW_ONCE)
    assert (await events_of(call))[-1].result.success


async def test_client_that_cancels_its_call_cancels_the_question(
    connect: Connect, change: Callable[[], Any], permissions: Any
) -> None:
    prompter = connect()
    await prompter.attach()
    call = change()
    question = await prompter.question()
    call.cancel()
    assert (await prompter.next()).settled.outcome == pb.ANSWER_CANCELLED
    listed = await permissions.ListPermissionRequests(pb.ListPermissionRequestsRequest(), metadata=OWNER)
    assert [(one.permission_request_id, one.outcome) for one in listed.permission_requests] == [
        (question.permission_request_id, pb.ANSWER_CANCELLED)
    ]


async def test_resolve_answers_once_and_repeats_are_fine(
    connect: Connect, change: Callable[[], Any], permissions: Any
) -> None:
    prompter = connect()
    await prompter.attach()
    call = change()
    question = await prompter.question()
    pending = pb.ListPermissionRequestsRequest(pending_only=True)
    assert len((await permissions.ListPermissionRequests(pending, metadata=OWNER)).permission_requests) == 1
    options: dict[int, str] = {int(option.answer): option.option_id for option in question.options}

    async def resolve(answer: int, request_id: str = question.permission_request_id) -> Any:
        request = pb.ResolvePermissionRequestRequest(
            permission_request_id=request_id, option_id=options[answer], digest=question.digest
        )
        return await permissions.ResolvePermissionRequest(request, metadata=OWNER)

    for _ in range(2):
        assert (await resolve(pb.ANSWER_ALLOW_ONCE)).permission_request.outcome == pb.ANSWER_ALLOW_ONCE
    with pytest.raises(aio.AioRpcError) as caught:
        await resolve(pb.ANSWER_REJECT_ONCE)
    assert caught.value.code() is StatusCode.FAILED_PRECONDITION
    assert error_info(caught.value).reason == "PERMISSION_ALREADY_RESOLVED"
    with pytest.raises(aio.AioRpcError) as unknown:
        await resolve(pb.ANSWER_ALLOW_ONCE, "none")
    assert unknown.value.code() is StatusCode.NOT_FOUND
    assert (await events_of(call))[-1].result.success
    assert not (await permissions.ListPermissionRequests(pending, metadata=OWNER)).permission_requests


async def test_always_is_remembered_for_the_next_call(
    world: World, connect: Connect, change: Callable[[], Any]
) -> None:
    prompter = connect()
    await prompter.attach()
    call = change()
    await prompter.answer(await prompter.question(), pb.ANSWER_ALLOW_ALWAYS)
    await events_of(call)
    assert (await events_of(change()))[-1].result.success
    assert world.tools.ran == ["change", "change"]


async def test_explanation_names_the_rule(permissions: Any) -> None:
    answer = await permissions.ExplainPermission(pb.ExplainPermissionRequest(tool="change"), metadata=OWNER)
    assert answer.decision == pb.DECISION_KIND_ASK
    assert answer.rule.text
    answer = await permissions.ExplainPermission(pb.ExplainPermissionRequest(tool="look"), metadata=OWNER)
    assert answer.decision == pb.DECISION_KIND_ALLOW


@pytest.mark.parametrize(
    ("tool", "fields", "code"),
    [("none", {}, StatusCode.NOT_FOUND), ("look", {"wrong": 1}, StatusCode.INVALID_ARGUMENT)],
)
async def test_call_that_makes_no_sense_is_not_explained(
    permissions: Any, tool: str, fields: dict[str, Any], code: StatusCode
) -> None:
    values = Struct()
    values.update(fields)
    with pytest.raises(aio.AioRpcError) as caught:
        await permissions.ExplainPermission(pb.ExplainPermissionRequest(tool=tool, input=values), metadata=OWNER)
    assert caught.value.code() is code


async def test_stream_must_begin_with_attach_and_have_one(connect: Connect) -> None:
    without = connect()
    await without.call.write(pb.PromptRequest(answer=pb.PromptRequest.AnswerRequest()))
    assert await without.status() == (StatusCode.INVALID_ARGUMENT, "ATTACH_REQUIRED")
    twice = connect()
    await twice.attach()
    await twice.call.write(pb.PromptRequest(attach=pb.PromptRequest.Attach()))
    assert await twice.status() == (StatusCode.INVALID_ARGUMENT, "UNSUPPORTED_EVENT")
    escape = connect()
    await escape.call.write(pb.PromptRequest(attach=pb.PromptRequest.Attach(name="\x1b[2J")))
    assert await escape.status() == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_prompter_that_sends_no_more_is_none_any_more(connect: Connect, change: Callable[[], Any]) -> None:
    prompter = connect()
    await prompter.attach()
    await prompter.call.done_writing()
    assert await prompter.status() == (StatusCode.OK, "")
    with pytest.raises(aio.AioRpcError) as caught:
        await events_of(change())
    assert error_info(caught.value).reason == "UNATTENDED"


async def test_server_that_goes_away_ends_the_stream_with_its_reason(world: World, connect: Connect) -> None:
    prompter = connect()
    await prompter.attach()
    assert world.server is not None
    stopping = asyncio.create_task(world.server.stop(5))
    assert await prompter.status() == (StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    async with asyncio.timeout(5):
        await stopping
