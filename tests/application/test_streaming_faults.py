"""What a turn makes of every fault of the model's stream: the real SDK against the offline model's scripts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model import AnthropicModel, ModelSettings
from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.demo.offline_model.replies import (
    Answer,
    Cut,
    HttpError,
    RawAnswer,
    Reply,
    Script,
    StreamError,
    Text,
    ToolUse,
)
from atmos_ai_sidecar.demo.offline_model.server import offline_model
from atmos_ai_sidecar.domain.events import ModelRetrying, StopReason, ToolCallFinished, TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.sessions import Session
from tests.application.world import World, finished
from tests.fakes.clock import FakeClock

READ = ToolUse("read")
HALF = "The CIDR of vpc in "
WHOLE = "The CIDR of vpc in ue1-dev is 10.10.0.0/16, größe 🦀."


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a turn ended, and what is left of it."""

    events: Sequence[TurnEvent]
    url: str
    answer: str
    """What is stored of the last answer."""
    requests: int

    @property
    def finished(self) -> TurnFinished:
        return finished(self.events)

    @property
    def retries(self) -> list[ModelRetrying]:
        return [event for event in self.events if isinstance(event, ModelRetrying)]


@asynccontextmanager
async def talking_to(url: str, **settings: Any) -> AsyncIterator[tuple[World, Session]]:
    clock = FakeClock(jumps=True, longest_jump=60)
    model = AnthropicModel(ModelSettings(base_url=url, api_key="sk-test", **settings), clock)
    store = await open_memory_store(clock)
    world = World(store, clock, model=model)
    try:
        async with asyncio.timeout(20):
            yield world, await world.sessions.create(name="s")
            await world.chat.close()
    finally:
        await store.close()
        await model.close()


async def turn(*answers: Answer | str, **settings: Any) -> Ending:
    """One turn against a model that gives these answers; then the session goes on as if nothing had been."""
    async with offline_model(Script(*answers)) as server, talking_to(server.url, **settings) as (world, session):
        events = await world.run(session)
        requests = len(server.requests)
        stored = await world.sessions.messages(session.id)
        answer = stored[-1].text if len(stored) > 1 else ""
        server.script.take()
        server.script.add("Here.")
        # The offline model refuses a history that breaks a rule of the API.
        assert finished(await world.run(session, "Go on.")).stop_reason is StopReason.END_TURN
        return Ending(events=events, url=server.url, answer=answer, requests=requests)


OVERLOADED = StreamError("overloaded_error", "Overloaded")
PASSING: dict[str, tuple[Answer, float | None]] = {
    "429 with Retry-After": (HttpError(status=429, retry_after=7), 7),
    "529": (HttpError(status=529), None),
    "500": (HttpError(status=500), None),
    "408": (HttpError(status=408), None),
    "overloaded in the stream": (Reply((Text(HALF), OVERLOADED)), None),
    "cut in the stream": (Reply((Text(HALF), Cut())), None),
    "cut before the first byte": (Reply((Cut(),), cut_after_bytes=0), None),
}


@pytest.mark.parametrize(("fault", "delay"), PASSING.values(), ids=PASSING.keys())
async def test_fault_that_passes_is_tried_again_with_a_visible_countdown(fault: Answer, delay: float | None) -> None:
    ending = await turn(fault, WHOLE)
    assert ending.finished.stop_reason is StopReason.END_TURN
    (retry,) = ending.retries
    assert 0 < retry.delay_seconds <= 60
    assert delay is None or retry.delay_seconds == delay
    assert ending.url in retry.message
    assert ending.answer == WHOLE


@pytest.mark.parametrize(("fault", "delay"), PASSING.values(), ids=PASSING.keys())
async def test_fault_that_stays_ends_the_turn_after_two_retries(fault: Answer, delay: float | None) -> None:
    ending = await turn(fault, fault, fault)
    assert (ending.finished.stop_reason, ending.finished.reason) == (StopReason.ERROR, "MODEL_UNAVAILABLE")
    assert ending.url in ending.finished.message
    assert (len(ending.retries), ending.requests) == (2, 3)
    said = isinstance(fault, Reply) and fault.cut_after_bytes is None
    assert ending.answer == (HALF if said else "")


LASTING: dict[str, tuple[Answer, str, str]] = {
    "refused key": (HttpError(status=401), "MODEL_NOT_CONFIGURED", "ANTHROPIC_API_KEY"),
    "unknown model": (HttpError(status=404), "MODEL_FAILED", "--model"),
    "prompt too long": (HttpError(status=400, message="prompt is too long: 1 > 0"), "MODEL_FAILED", "too long"),
    "request too large": (HttpError(status=413), "MODEL_FAILED", "too long"),
    "refused request": (HttpError(status=400), "MODEL_FAILED", "refused the request"),
    "wrong content type": (Reply((Text(WHOLE),), content_type="text/html"), "MODEL_UNAVAILABLE", "text/html"),
    "a proxy's page": (RawAnswer(body=b"<html>Log in</html>"), "MODEL_UNAVAILABLE", "login page"),
    "an hour to wait": (HttpError(status=429, retry_after=3600), "MODEL_UNAVAILABLE", "rate"),
}


@pytest.mark.parametrize(("fault", "reason", "word"), LASTING.values(), ids=LASTING.keys())
async def test_fault_that_does_not_pass_ends_the_turn_at_once(fault: Answer, reason: str, word: str) -> None:
    ending = await turn(fault)
    assert (ending.finished.stop_reason, ending.finished.reason) == (StopReason.ERROR, reason)
    assert word in ending.finished.message
    assert ending.url in ending.finished.message
    assert (ending.retries, ending.requests, ending.answer) == ([], 1, "")


@pytest.mark.parametrize("size", range(0, 1900, 173))
async def test_connection_that_is_cut_after_any_number_of_bytes_keeps_what_was_said(size: int) -> None:
    cut = Reply((Text(WHOLE),), cut_after_bytes=size)
    ending = await turn(cut, cut, cut)
    assert ending.finished.stop_reason is (StopReason.ERROR if ending.retries else StopReason.END_TURN)
    assert WHOLE.startswith(ending.answer)
    assert len(ending.retries) in {0, 2}


@pytest.mark.parametrize("size", [1, 3])
async def test_answer_that_comes_in_split_characters_is_whole(size: int) -> None:
    ending = await turn(Reply((Text(WHOLE),), write_bytes=size))
    assert (ending.finished.stop_reason, ending.answer) == (StopReason.END_TURN, WHOLE)


@pytest.mark.parametrize("json", ['{"a": ', "[1]", "nonsense"])
async def test_call_whose_input_is_no_json_is_answered_and_the_turn_goes_on(json: str) -> None:
    ending = await turn(Reply((ToolUse("read", json_pieces=(json,)),)), WHOLE)
    (result,) = [event.tool_result.result for event in ending.events if isinstance(event, ToolCallFinished)]
    assert result.reason == "INVALID_FIELD"
    assert ending.answer == WHOLE


STOPS: dict[str, tuple[Sequence[Answer | str], StopReason]] = {
    "refusal": ([Reply((Text("No."),), stop_reason="refusal")], StopReason.REFUSAL),
    "max_tokens in a text": ([Reply((Text(HALF),), stop_reason="max_tokens")], StopReason.MAX_TOKENS),
    "max_tokens in a call": (
        [Reply((ToolUse("read", json_pieces=('{"a',)),), stop_reason="max_tokens")],
        StopReason.MAX_TOKENS,
    ),
    "window exceeded": ([Reply((Text(HALF),), stop_reason="model_context_window_exceeded")], StopReason.MAX_TOKENS),
    "pause_turn": ([Reply((Text(HALF),), stop_reason="pause_turn"), WHOLE], StopReason.END_TURN),
    "pause_turn, then a call": (
        [Reply((Text(HALF),), stop_reason="pause_turn"), Reply((READ,)), WHOLE],
        StopReason.END_TURN,
    ),
}


@pytest.mark.parametrize(("answers", "stop_reason"), STOPS.values(), ids=STOPS.keys())
async def test_every_way_to_stop_closes_the_turn_with_a_valid_history(
    answers: Sequence[Answer | str], stop_reason: StopReason
) -> None:
    ending = await turn(*answers)
    assert ending.finished.stop_reason is stop_reason
    assert bool(ending.finished.message) == (stop_reason is not StopReason.END_TURN)


UNREACHABLE: dict[str, tuple[str, dict[str, str], str]] = {
    "nobody listens": ("http://127.0.0.1:9", {}, "refused"),
    "dead proxy": ("http://model.example", {"HTTP_PROXY": "http://127.0.0.1:9"}, "by way of the proxy"),
}


@pytest.mark.parametrize(("url", "environment", "word"), UNREACHABLE.values(), ids=UNREACHABLE.keys())
async def test_model_that_cannot_be_reached_is_named(url: str, environment: dict[str, str], word: str) -> None:
    async with talking_to(url, environment=environment) as (world, session):
        end = finished(await world.run(session))
    assert (end.stop_reason, end.reason) == (StopReason.ERROR, "MODEL_UNAVAILABLE")
    assert url in end.message
    assert word in end.message


async def test_refused_tls_is_named_and_not_tried_again() -> None:
    async with offline_model(Script(WHOLE)) as server:
        url = server.url.replace("http://", "https://")
        async with talking_to(url, max_retries=0) as (world, session):
            end = finished(await world.run(session))
    assert end.reason == "MODEL_UNAVAILABLE"
    assert url in end.message
