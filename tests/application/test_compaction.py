"""Long sessions in a small window: what the model gets stays under it, and what matters survives."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model.requests import body_of
from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.ports.model import Answered, ModelEvent, ModelRequest
from atmos_ai_sidecar.demo.offline_model.history_rules import violations as wire_violations
from atmos_ai_sidecar.demo.offline_model.usage import count_tokens
from atmos_ai_sidecar.domain.compaction import CompactionSettings
from atmos_ai_sidecar.domain.events import Notice, NoticeKind, StopReason
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import ModelFailedError, ModelUnavailableError, TurnInProgressError
from tests.application.world import World, finished
from tests.fakes.clock import FakeClock

WINDOW = 20_000
SETTINGS = CompactionSettings(window_tokens=WINDOW)
MAX_TOKENS = 4096
SUMMARY = "The user looks at many stacks, one after the other."


class WindowedModel:
    """A model with a window, which refuses what does not fit and what breaks a rule; it answers by a script."""

    def __init__(self, answer: Callable[[ModelRequest], Answered | Exception], *, window: int = WINDOW) -> None:
        self.requests: list[ModelRequest] = []
        self.sizes: list[int] = []
        self.summaries = 0
        self.summary: str | Exception = SUMMARY
        self._answer = answer
        self._window = window

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        body = body_of(request)
        assert wire_violations(body) == []
        size = count_tokens(json.dumps(body, ensure_ascii=False)) + request.max_tokens
        if size > self._window:
            raise ModelFailedError(f"{size} tokens are too many.", kind="prompt_too_long")
        self.requests.append(request)
        self.sizes.append(size)
        answer = self._summarised() if is_summary(request) else self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        yield self._play(answer, size - request.max_tokens)

    def _summarised(self) -> Answered | Exception:
        self.summaries += 1
        return self.summary if isinstance(self.summary, Exception) else says(self.summary)

    async def _play(self, answer: Answered, prompt_tokens: int) -> AsyncIterator[ModelEvent]:
        usage = Usage(input_tokens=prompt_tokens, output_tokens=5)
        yield Answered(
            blocks=answer.blocks, stop_reason=answer.stop_reason, usage=usage, invalid_inputs=answer.invalid_inputs
        )

    def describe(self) -> Mapping[str, Any]:
        return {"provider": "fake"}


def says(text: str) -> Answered:
    return Answered(blocks=(Text(text=text),), stop_reason="end_turn", usage=Usage(), invalid_inputs={})


def is_summary(request: ModelRequest) -> bool:
    return "Summarise the conversation so far" in request.messages[-1].text


@asynccontextmanager
async def world_with(
    model: WindowedModel, settings: CompactionSettings = SETTINGS
) -> AsyncIterator[tuple[World, Session]]:
    clock = FakeClock(jumps=True)
    store = await open_memory_store(clock)
    world = World(store, clock, model=model, compaction=settings, max_tokens=MAX_TOKENS)
    try:
        async with asyncio.timeout(110):
            yield world, await world.sessions.create(name="s")
            await world.chat.close()
    finally:
        await store.close()


async def fill(
    world: World, session: Session, *, turns: int, characters: int, name: str = "ue1-dev"
) -> Sequence[Message]:
    """Stores a conversation as if it had been held."""
    messages: list[Message] = []
    for number in range(turns):
        call = ToolCall(id=f"old-{number}", name="read", input={"stack": f"{name}-{number}", "component": "vpc"})
        result = ToolResult(tool_call_id=call.id, result=Result(success=True, output="x" * characters))
        messages += [
            Message(role=Role.USER, blocks=(Text(text=f"Look at number {number}."),)),
            Message(role=Role.ASSISTANT, blocks=(call,)),
            Message(role=Role.USER, blocks=(result,)),
            Message(role=Role.ASSISTANT, blocks=(Text(text=f"Number {number} is fine."),)),
        ]
    return await world.store.append_messages(session.id, messages)


def talk(request: ModelRequest) -> Answered:
    """Two look-ups, then an answer of some length."""
    last = request.messages[-1]
    if last.tool_results:
        return says("All is well. " * 40)
    number = len(last.text)
    blocks = [ToolCall(id=f"{name}-{id(request)}-{number}", name=name, input={}) for name in ("read", "look")]
    return Answered(blocks=tuple(blocks), stop_reason="tool_use", usage=Usage(), invalid_inputs={})


@pytest.mark.timeout(120)
async def test_500_turns_stay_under_a_window_of_20000_tokens_at_every_request() -> None:
    model = WindowedModel(talk)
    async with world_with(model) as (world, session):
        for number in range(500):
            events = await world.run(session, f"Question {number}: how is vpc in ue1-dev-{number}? " * 5)
            assert finished(events).stop_reason is StopReason.END_TURN
        stored = await world.sessions.messages(session.id)
    assert max(model.sizes) <= WINDOW
    assert len(stored) == 500 * 4
    assert 5 < model.summaries < 100
    assert model.requests[-1].messages[0].text.count(SUMMARY) == 1


async def test_old_tool_outputs_go_first_and_no_summary_is_needed() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        stored = await fill(world, session, turns=8, characters=6000)
        events = await world.run(session, "And now?")
        (notice,) = [event for event in events if isinstance(event, Notice)]
        assert (await world.sessions.messages(session.id))[: len(stored)] == stored
        await world.run(session, "And then?")
    assert notice.kind is NoticeKind.COMPACTED
    assert "Old tool outputs were left out" in notice.message
    assert model.summaries == 0
    first, second = (request.messages for request in model.requests)
    outputs = [result.result.output for message in first for result in message.tool_results]
    assert "no longer shown" in outputs[0]
    assert outputs[-1] == "x" * 6000
    # Until the next compaction the view stays, so that the provider's cache knows the beginning.
    assert second[: len(first)] == first


async def test_summary_stands_first_with_facts_from_the_store() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        await fill(world, session, turns=60, characters=300)
        denied = ToolCall(id="denied", name="write", input={"path": "stacks/catalog/vpc.yaml"})
        refusal = Result(success=False, error="The user said no.", reason="TOOL_EXECUTION_DENIED")
        broken = ToolCall(id="broken", name="read", input={"stack": "nowhere"})
        failure = Result(success=False, error="No such stack.", reason="TOOL_EXECUTION_FAILED")
        await world.store.append_messages(
            session.id,
            [
                Message(role=Role.USER, blocks=(Text(text="Write it."),)),
                Message(role=Role.ASSISTANT, blocks=(denied, broken)),
                Message(
                    role=Role.USER,
                    blocks=(
                        ToolResult(tool_call_id="denied", result=refusal),
                        ToolResult(tool_call_id="broken", result=failure),
                    ),
                ),
                Message(role=Role.ASSISTANT, blocks=(Text(text="I may not."),)),
            ],
        )
        await fill(world, session, turns=2, characters=300, name="last")
        notices = await world.chat.compact(session.id, focus="the subnets")
        await world.run(session, "And now?")
    assert [notice.kind for notice in notices] == [NoticeKind.COMPACTED]
    asked, after = model.requests[0].messages[-1].text, model.requests[-1].messages
    assert "the subnets" in asked
    first = after[0].text
    assert SUMMARY in first
    assert "- Stacks: " in first
    assert "ue1-dev-59" in first
    assert "- Components: vpc" in first
    assert "- Files: stacks/catalog/vpc.yaml" in first
    assert 'write {"path":"stacks/catalog/vpc.yaml"}' in first
    assert 'read {"stack":"nowhere"}: No such stack.' in first
    assert after[-1].text == "And now?"


@pytest.mark.parametrize(
    "summary", [ModelUnavailableError("Gone."), "much longer " * 9000, " "], ids=["failed", "larger", "empty"]
)
async def test_summary_that_fails_or_grows_is_dropped_and_the_turn_goes_on(summary: str | Exception) -> None:
    model = WindowedModel(lambda _: says("Fine."), window=10**9)
    model.summary = summary
    async with world_with(model) as (world, session):
        await fill(world, session, turns=200, characters=300)
        events = await world.run(session, "And now?")
        compaction = await world.store.newest_compaction(session.id)
    assert finished(events).stop_reason is StopReason.END_TURN
    assert NoticeKind.COMPACTION_FAILED in [event.kind for event in events if isinstance(event, Notice)]
    assert compaction is None or not compaction.summary


async def test_dropped_summary_is_not_paid_for_again_in_the_same_turn() -> None:
    model = WindowedModel(talk, window=10**9)
    model.summary = "much longer " * 9000
    async with world_with(model) as (world, session):
        await fill(world, session, turns=200, characters=300)
        assert finished(await world.run(session, "And now?")).steps == 2
    assert model.summaries == 1


async def test_provider_that_finds_the_prompt_too_long_gets_a_shorter_one() -> None:
    model = WindowedModel(lambda _: says("Fine."), window=12_000)
    async with world_with(model, CompactionSettings(window_tokens=200_000)) as (world, session):
        await fill(world, session, turns=10, characters=6000)
        events = await world.run(session, "And now?")
    assert finished(events).stop_reason is StopReason.END_TURN
    assert [event.kind for event in events if isinstance(event, Notice)] == [NoticeKind.COMPACTED]


async def test_one_output_that_is_larger_than_the_window_does_not_end_the_session() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        await fill(world, session, turns=1, characters=90_000)
        assert finished(await world.run(session, "And now?")).stop_reason is StopReason.END_TURN


async def test_cost_of_a_summary_is_counted_on_the_turn_and_the_session() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        await fill(world, session, turns=150, characters=300)
        usage = finished(await world.run(session, "And now?")).usage
        spent = await world.store.compaction_usage(session.id)
    assert model.summaries >= 1
    assert spent.output_tokens == 5 * model.summaries
    assert usage.output_tokens == 5 * (model.summaries + 1)


async def test_session_is_not_compacted_while_a_turn_runs() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        await world.store.begin_turn(session.id, "other", "another process")
        with pytest.raises(TurnInProgressError):
            await world.chat.compact(session.id)


async def test_context_tells_what_fills_the_window() -> None:
    model = WindowedModel(lambda _: says("Fine."))
    async with world_with(model) as (world, session):
        await fill(world, session, turns=20, characters=300)
        before = await world.chat.context(session.id)
        await world.chat.compact(session.id)
        after = await world.chat.context(session.id)
    assert (before.window, before.summary) == (WINDOW, 0)
    assert 0 < before.tool_outputs < before.messages < before.total
    assert after.summary > 0
    assert after.total < before.total
