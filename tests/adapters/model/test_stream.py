"""The real SDK against a server that answers byte for byte what a test wrote down."""

import asyncio
from dataclasses import replace

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.model import AnthropicModel
from atmos_ai_sidecar.application.ports.model import (
    Answered,
    Retrying,
    TextPiece,
    ThinkingPiece,
)
from atmos_ai_sidecar.domain.messages import RedactedThinking, Text, Thinking, ToolCall, Usage
from atmos_ai_sidecar.errors import (
    ModelFailedError,
    ModelNotConfiguredError,
    ModelTimeoutError,
    ModelUnavailableError,
    SidecarError,
)
from tests.adapters.model.asking import REQUEST, ask, pieces, settings_for
from tests.fakes import messages_api as api
from tests.fakes.clock import FakeClock
from tests.fakes.messages_api import Reply

# Answers.


async def test_text_streams_piece_by_piece_and_ends_with_the_whole_answer() -> None:
    async with api.messages_api(api.answer("Hel", "lo ", "größe 🦀")) as server:
        events = await ask(server)
    assert events == [
        TextPiece(text="Hel"),
        TextPiece(text="lo "),
        TextPiece(text="größe 🦀"),
        Answered(
            blocks=(Text(text="Hello größe 🦀"),),
            stop_reason="end_turn",
            usage=Usage(input_tokens=10, output_tokens=5),
            invalid_inputs={},
        ),
    ]


async def test_every_kind_of_block_comes_in_the_order_of_the_model() -> None:
    thought = api.block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "c2ln+/=="},
    )
    hidden = api.block(1, {"type": "redacted_thinking", "data": "b3BhcXVl"})
    calls = [*api.tool_block(3, "atmos_list_stacks"), *api.tool_block(4, "f", '{"a": [1', ', "ü"]}')]
    reply = Reply(
        pieces=[api.start(), *thought, *hidden, *api.text_block(2, "Let me look."), *calls, *api.end("tool_use")]
    )
    async with api.messages_api(reply) as server:
        events = await ask(server)
    assert events[0] == ThinkingPiece(thinking="hm")
    answered = events[-1]
    assert isinstance(answered, Answered)
    assert answered.stop_reason == "tool_use"
    assert answered.blocks == (
        Thinking(thinking="hm", signature="c2ln+/=="),
        RedactedThinking(data="b3BhcXVl"),
        Text(text="Let me look."),
        ToolCall(id="toolu_3", name="atmos_list_stacks", input={}),
        ToolCall(id="toolu_4", name="f", input={"a": [1, "ü"]}),
    )


@pytest.mark.parametrize(
    "json",
    [
        *('{"a": ', "[1]", '"x"', '{"a": NaN}', '{"a": 1e999}', "[" * 100_000),
        *('{"a":' * levels + "1" + "}" * levels for levels in (101, 900, 20_000)),
    ],
)
async def test_a_tool_input_that_is_no_json_object_is_told_and_empty(json: str) -> None:
    reply = Reply(pieces=[api.start(), *api.tool_block(0, "f", json), *api.end("max_tokens")])
    async with api.messages_api(reply) as server:
        events = await ask(server)
    (answered,) = events
    assert isinstance(answered, Answered)
    assert answered.blocks == (ToolCall(id="toolu_0", name="f", input={}),)
    assert "JSON" in answered.invalid_inputs["toolu_0"]


async def test_usage_is_the_last_cumulative_report() -> None:
    reply = Reply(
        pieces=[
            api.start(cache_read_input_tokens=7, cache_creation_input_tokens=3),
            *api.text_block(0, "a"),
            *api.end(output_tokens=42),
        ]
    )
    async with api.messages_api(reply) as server:
        answered = (await ask(server))[-1]
    assert isinstance(answered, Answered)
    assert answered.usage == Usage(
        input_tokens=10, output_tokens=42, cache_read_input_tokens=7, cache_creation_input_tokens=3
    )


async def test_pings_comments_and_unknown_events_and_blocks_are_passed_over() -> None:
    reply = Reply(
        pieces=[
            b": hello\n\n",
            api.start(),
            api.event("ping"),
            api.event("from_the_future", colour="red"),
            *api.block(0, {"type": "hologram", "shape": "cube"}, {"type": "hologram_delta", "shape": "ball"}),
            *api.text_block(1, "", "a"),
            *api.text_block(2),
            *api.end(),
        ]
    )
    async with api.messages_api(reply) as server:
        events = await ask(server)
    assert events[0] == TextPiece(text="a")
    assert isinstance(events[-1], Answered)
    assert events[-1].blocks == (Text(text="a"),)


async def test_characters_that_are_split_between_writes_are_put_together() -> None:
    whole = b"".join(api.answer("größe 🦀日本").pieces)
    reply = Reply(pieces=[bytes([byte]) for byte in whole])
    async with api.messages_api(reply) as server:
        assert pieces(await ask(server)) == "größe 🦀日本"


async def test_usage_is_never_less_than_nothing_and_never_too_much_to_store() -> None:
    reply = Reply(pieces=[api.start(input_tokens=-5), *api.text_block(0, "a"), *api.end(output_tokens=10**30)])
    async with api.messages_api(reply) as server:
        answered = (await ask(server))[-1]
    assert isinstance(answered, Answered)
    assert answered.usage == Usage(input_tokens=0, output_tokens=10**12)


async def test_the_text_of_an_unknown_block_is_not_shown() -> None:
    hologram = api.block(0, {"type": "hologram", "text": "secret", "id": 5})
    reply = Reply(pieces=[api.start(), *hologram, *api.text_block(1, "a"), *api.end()])
    async with api.messages_api(reply) as server:
        assert pieces(await ask(server)) == "a"


_CALL = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}


@pytest.mark.parametrize(
    "events",
    [
        api.block(0, {"type": "text", "text": 5}),
        api.block(0, {"type": "thinking", "thinking": ["hm"]}),
        api.block(0, {"type": "redacted_thinking", "data": {}}),
        api.block(0, {"text": "of no type"}),
        [*api.block("0", {"type": "text", "text": "a"}), *api.text_block(1, "b")],  # type: ignore[arg-type]
        api.block(0, _CALL | {"id": ""}),
        api.block(0, _CALL | {"id": None}),
        api.block(0, _CALL | {"name": 7}),
        api.block(0, {"type": "tool_use"}),
        [*api.block(0, _CALL), *api.block(1, _CALL)],
        [api.start(input_tokens="many")],  # type: ignore[arg-type]
        [api.start(input_tokens=float("inf"))],  # type: ignore[arg-type]
        [api.event("message_delta", delta={"stop_reason": ["end_turn"]})],
    ],
)
async def test_an_event_that_the_api_does_not_have_like_this_is_told_as_one(events: list[bytes]) -> None:
    reply = Reply(pieces=[api.start(), *events, *api.end()])
    async with api.messages_api(*[reply] * 3) as server:
        with pytest.raises(ModelUnavailableError, match="broke off"):
            await ask(server)


# Failures that may pass.


@pytest.mark.parametrize(
    ("status", "kind"),
    [(408, "timeout_error"), (409, "x"), (429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error")],
)
async def test_a_passing_status_is_tried_again_visibly_with_growing_delays(status: int, kind: str) -> None:
    failed = api.error(status, kind, "not now")
    clock = FakeClock(jumps=True, longest_jump=60)
    async with api.messages_api(failed, failed, api.answer("ok")) as server:
        events = await ask(server, clock=clock)
    first, second = events[:2]
    assert isinstance(first, Retrying)
    assert isinstance(second, Retrying)
    assert (first.attempt, second.attempt) == (2, 3)
    assert 0.375 <= first.delay_seconds <= 0.5
    assert 0.75 <= second.delay_seconds <= 1.0
    waits = [seconds for seconds in clock.sleeps if seconds < 60]
    assert waits == [first.delay_seconds, second.delay_seconds]
    assert str(status) in first.message
    assert server.url in first.message
    assert pieces(events) == "ok"
    assert len({request.raw for request in server.requests}) == 1


async def test_a_page_of_a_proxy_in_between_is_not_quoted() -> None:
    page = Reply(status=502, headers={"content-type": "text/html"}, pieces=[b"<html>Bad Gateway</html>"])
    async with api.messages_api(page) as server:
        with pytest.raises(ModelUnavailableError, match=r"failed \(502: Scripted\)"):
            await ask(server)


async def test_after_two_retries_the_error_is_the_callers() -> None:
    async with api.messages_api(api.error(529, "overloaded_error", "busy")) as server:
        with pytest.raises(ModelUnavailableError, match="overloaded") as caught:
            await ask(server)
        assert len(server.requests) == 3
    assert caught.value.metadata["url"] == server.url
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "30", "retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30.0),
    ],
)
async def test_the_provider_says_how_long_to_wait(headers: dict[str, str], delay: float) -> None:
    async with api.messages_api(api.error(429, "rate_limit_error", "slow", **headers), api.answer("ok")) as server:
        events = await ask(server)
    assert isinstance(events[0], Retrying)
    assert events[0].delay_seconds == delay


@pytest.mark.parametrize("value", ["soon", "-5", "nan", "inf", "Fri, 99 Foo"])
async def test_a_wait_that_is_nonsense_is_not_obeyed(value: str) -> None:
    failed = api.error(429, "rate_limit_error", "slow", retry_after=value)
    async with api.messages_api(failed, api.answer("ok")) as server:
        events = await ask(server)
    assert isinstance(events[0], Retrying)
    assert events[0].delay_seconds <= 0.5


async def test_a_wait_of_an_hour_is_told_and_not_sat_out() -> None:
    async with api.messages_api(api.error(429, "rate_limit_error", "slow", retry_after="3600")) as server:
        with pytest.raises(ModelUnavailableError) as caught:
            await ask(server)
        assert len(server.requests) == 1
    assert caught.value.retry_seconds == 3600


async def test_the_provider_may_forbid_and_demand_a_retry() -> None:
    forbidden = api.error(529, "overloaded_error", "busy", x_should_retry="false")
    demanded = api.error(400, "invalid_request_error", "odd", x_should_retry="true")
    async with api.messages_api(forbidden) as server:
        with pytest.raises(ModelUnavailableError):
            await ask(server)
        assert len(server.requests) == 1
    async with api.messages_api(demanded, api.answer("ok")) as server:
        assert pieces(await ask(server)) == "ok"


HALF = (api.start(), *api.text_block(0, "half an ans")[:2])
OVERLOADED = api.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
BROKEN = {
    "reset": Reply(pieces=HALF, is_cut=True),
    "early end": Reply(pieces=HALF),
    "half an event": Reply(pieces=[*HALF, b'event: message_delta\ndata: {"ty'], is_chunked=False),
    "half a character": Reply(pieces=[*HALF, "event: é".encode()[:-1]], is_chunked=False),
    "no json": Reply(pieces=[*HALF, b"event: message_delta\ndata: {oops\n\n"]),
    "no object": Reply(pieces=[*HALF, b"event: message_delta\ndata: [1]\n\n"]),
    "no block": Reply(pieces=[*HALF, api.event("content_block_delta", index=7, delta={})]),
    "overloaded": Reply(pieces=[*HALF, OVERLOADED]),
    "unknown error": Reply(pieces=[*HALF, api.event("error", error="odd")]),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
async def test_a_stream_that_breaks_is_started_again_and_its_pieces_are_void(broken: Reply) -> None:
    async with api.messages_api(broken, api.answer("whole")) as server:
        events = await ask(server)
    assert events[0] == TextPiece(text="half an ans")
    assert isinstance(events[1], Retrying)
    assert pieces(events[2:]) == "whole"
    assert isinstance(events[-1], Answered)
    assert events[-1].blocks == (Text(text="whole"),)


async def test_a_stream_that_always_breaks_is_an_error_after_what_was_said() -> None:
    broken = Reply(pieces=[api.start(), *api.text_block(0, "half")[:2]], is_cut=True)
    async with api.messages_api(broken) as server:
        with pytest.raises(ModelUnavailableError, match="broke off") as caught:
            await ask(server)
        assert len(server.requests) == 3
    assert pieces(caught.value.events) == "halfhalfhalf"  # type: ignore[attr-defined]


async def test_without_a_server_the_error_names_the_url_and_what_to_check() -> None:
    async with api.messages_api(api.answer("x")) as server:
        url = server.url
    with pytest.raises(ModelUnavailableError, match="cannot be reached") as caught:
        await ask(url)
    assert url in str(caught.value)
    assert "ANTHROPIC_BASE_URL" in caught.value.remedy
    assert len([item for item in caught.value.events if isinstance(item, Retrying)]) == 2  # type: ignore[attr-defined]


# Failures that do not pass.


async def check_refused(reply: Reply, kind: type[SidecarError], match: str) -> SidecarError:
    async with api.messages_api(reply) as server:
        with pytest.raises(kind, match=match) as caught:
            await ask(server)
        assert len(server.requests) == 1
    assert caught.value.remedy or caught.value.metadata["status"]
    assert "sk-test" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_is_a_matter_of_configuration(status: int) -> None:
    error = await check_refused(
        api.error(status, "authentication_error", "invalid x-api-key"), ModelNotConfiguredError, "refused the key"
    )
    assert error.metadata["setting"] == "ANTHROPIC_API_KEY"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (api.error(400, "invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), "prompt_too_long"),
        (api.error(413, "request_too_large", "Request exceeds the maximum size"), "prompt_too_long"),
        (api.error(404, "not_found_error", "model: nonsense"), "not_found"),
        (api.error(400, "invalid_request_error", "messages: roles must alternate"), "refused"),
        (Reply(status=307, headers={"location": "http://127.0.0.1:1/v1/messages"}), "redirected"),
    ],
)
async def test_a_refused_request_says_of_which_kind(reply: Reply, kind: str) -> None:
    assert (await check_refused(reply, ModelFailedError, "provider|conversation")).metadata["kind"] == kind


async def test_an_error_event_in_a_stream_is_as_its_status_would_be() -> None:
    reply = Reply(
        pieces=[
            api.start(),
            api.event("error", error={"type": "invalid_request_error", "message": "prompt is too long"}),
        ]
    )
    assert (await check_refused(reply, ModelFailedError, "too long")).metadata["kind"] == "prompt_too_long"


@pytest.mark.parametrize("content_type", ["text/html", "application/json"])
async def test_an_answer_of_something_else_is_told_apart(content_type: str) -> None:
    reply = Reply(headers={"content-type": content_type}, pieces=[b"<html>Please log in</html>"])
    async with api.messages_api(reply) as server:
        with pytest.raises(ModelUnavailableError, match=f"answered with {content_type}"):
            await ask(server)
        assert len(server.requests) == 1


# Time.


@pytest.mark.parametrize("before", [(), (api.start(), *api.text_block(0, "half")[:2])])
async def test_silence_ends_in_a_timeout(before: tuple[bytes, ...]) -> None:
    never = asyncio.Event()
    reply = Reply(pieces=before, hold=never)
    async with api.messages_api(reply) as server:
        with pytest.raises(ModelTimeoutError, match=r"sent nothing for 0\.2 s") as caught:
            await ask(server, clock=SystemClock(), idle_timeout_seconds=0.2)
        assert len(server.requests) == 1
    assert pieces(caught.value.events) == ("half" if before else "")  # type: ignore[attr-defined]


async def test_a_request_may_not_take_longer_than_it_says() -> None:
    failed = api.error(529, "overloaded_error", "busy", retry_after="6")
    async with api.messages_api(failed) as server:
        with pytest.raises(ModelTimeoutError, match="took too long"):
            await ask(server, replace(REQUEST, timeout_seconds=10))
        assert len(server.requests) == 2


async def test_leaving_the_context_ends_the_request() -> None:
    reply = Reply(pieces=[api.start(), *api.text_block(0, "half")[:2]], hold=asyncio.Event())
    async with api.messages_api(reply) as server:
        model = AnthropicModel(settings_for(server.url), SystemClock())
        async with asyncio.timeout(5):
            async with model.stream(REQUEST) as stream:
                assert await anext(stream) == TextPiece(text="half")
            await server.closed_by_client.wait()
        await model.close()


async def test_cancelling_ends_the_request() -> None:
    reply = Reply(pieces=[api.start(), *api.text_block(0, "half")[:2]], hold=asyncio.Event())
    got_text = asyncio.Event()
    async with api.messages_api(reply) as server:
        model = AnthropicModel(settings_for(server.url), SystemClock())

        async def listen() -> None:
            async with model.stream(REQUEST) as stream:
                async for _ in stream:
                    got_text.set()

        async with asyncio.timeout(5):
            task = asyncio.create_task(listen())
            await got_text.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await server.closed_by_client.wait()
        await model.close()
