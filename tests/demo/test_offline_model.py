import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anthropic
import httpx2
import pytest

from atmos_ai_sidecar.demo.offline_model import (
    Cut,
    HttpError,
    OfflineModel,
    Pause,
    RawAnswer,
    RedactedThinking,
    Reply,
    Script,
    Silence,
    StreamError,
    Text,
    Thinking,
    ToolUse,
    Usage,
    WaitFor,
    offline_model,
)
from tests.demo.agent import atmos_tools

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
HEADERS = {"x-api-key": "offline-demo", "anthropic-version": "2023-06-01"}


@asynccontextmanager
async def running(*answers: Any, **options: Any) -> AsyncIterator[tuple[OfflineModel, anthropic.AsyncAnthropic]]:
    script = Script(*answers) if answers else None
    async with (
        asyncio.timeout(20),
        offline_model(script, **options) as server,
        anthropic.AsyncAnthropic(base_url=server.url, api_key="offline-demo", max_retries=0) as client,
    ):
        yield server, client


async def create(client: anthropic.AsyncAnthropic, **more: Any) -> anthropic.types.Message:
    options: dict[str, Any] = {"model": "m", "max_tokens": 1000, "messages": HELLO} | more
    message = await client.messages.create(**options)
    assert isinstance(message, anthropic.types.Message)
    return message


async def collect(events: AsyncIterator[Any], into: list[Any]) -> None:
    """Keep what came, also when the stream breaks."""
    async for event in events:
        into.append(event)  # noqa: PERF401 - a comprehension would lose everything with the exception


async def stream(client: anthropic.AsyncAnthropic, **more: Any) -> tuple[anthropic.types.Message, list[str]]:
    """The final message, and the pieces of text as they came."""
    pieces: list[str] = []
    options: dict[str, Any] = {"model": "m", "max_tokens": 1000, "messages": HELLO} | more
    async with client.messages.stream(**options) as events:
        await collect(events.text_stream, pieces)
        return await events.get_final_message(), pieces


async def broken_stream(client: anthropic.AsyncAnthropic, expected: Any) -> list[str]:
    """The pieces of text that came before the stream failed as expected."""
    pieces: list[str] = []
    async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as events:
        with pytest.raises(expected):
            await collect(events.text_stream, pieces)
    return pieces


RICH = Reply(
    (
        Thinking("Let me think about this."),
        RedactedThinking("c2VjcmV0"),
        Text("I look "),
        Pause(0),
        Text("at both."),
        ToolUse("list_stacks", {"format": "json"}, id="toolu_1"),
        ToolUse("describe", {"component": "vpc", "nested": {"ü": [1, None]}}),
    )
)


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_every_kind_of_block_arrives_the_same_streamed_or_whole(is_streaming: bool) -> None:
    async with running(RICH) as (_, client):
        message = (await stream(client))[0] if is_streaming else await create(client)
    kinds = [block.type for block in message.content]
    assert kinds == ["thinking", "redacted_thinking", "text", "tool_use", "tool_use"]
    thinking, redacted, text, first, second = (block.model_dump() for block in message.content)
    assert thinking["thinking"] == "Let me think about this."
    assert thinking["signature"].startswith("offline-")
    assert redacted["data"] == "c2VjcmV0"
    assert text["text"] == "I look at both."
    assert (first["id"], first["input"]) == ("toolu_1", {"format": "json"})
    assert second["input"] == {"component": "vpc", "nested": {"ü": [1, None]}}
    assert message.stop_reason == "tool_use"
    assert message.model == "m"


async def test_a_stream_has_the_events_of_the_api_in_their_order() -> None:
    async with running(Reply((Text("one two three four"),))) as (server, _), httpx2.AsyncClient() as http:
        body = {"model": "m", "max_tokens": 10, "messages": HELLO, "stream": True}
        answer = await http.post(f"{server.url}/v1/messages", json=body, headers=HEADERS)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "no language model" in answer.headers["server"]
    assert answer.headers["request-id"]
    events = [chunk.split("\n") for chunk in answer.text.strip().split("\n\n")]
    names = [event[0].removeprefix("event: ") for event in events]
    assert [name for at, name in enumerate(names) if at == 0 or name != names[at - 1]] == [
        "message_start",
        "content_block_start",
        "ping",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    for name, event in zip(names, events, strict=True):
        assert json.loads(event[1].removeprefix("data: "))["type"] == name


async def test_the_history_of_a_scripted_turn_is_accepted_back() -> None:
    async with running(RICH, Reply((Thinking("odd", "my-signature"), Text("Done."))), "End.") as (_, client):
        first = await create(client)
        results = [
            {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
            for block in first.content
            if block.type == "tool_use"
        ]
        messages = [
            *HELLO,
            {"role": "assistant", "content": first.to_dict()["content"]},
            {"role": "user", "content": results},
        ]
        second = await create(client, messages=messages)
        messages += [{"role": "assistant", "content": second.to_dict()["content"]}, *HELLO]
        assert (await create(client, messages=messages)).stop_reason == "end_turn"


async def test_a_broken_history_is_refused_and_takes_nothing_from_the_script() -> None:
    async with running("Good.") as (server, client):
        with pytest.raises(anthropic.BadRequestError, match="the first message must be the user's") as caught:
            await create(client, messages=[{"role": "assistant", "content": "x"}, *HELLO])
        body = caught.value.body
        assert isinstance(body, dict)
        assert body["error"]["type"] == "invalid_request_error"
        assert len(server.script) == 1
        assert (await create(client)).stop_reason == "end_turn"
        with pytest.raises(anthropic.BadRequestError, match="no answer left"):
            await create(client)
        assert [request.json["messages"][0]["role"] for request in server.requests] == ["assistant", "user", "user"]


async def test_after_a_paused_turn_the_client_may_send_it_back_to_go_on() -> None:
    async with running(Reply((Text("Half"),), stop_reason="pause_turn"), " and half.") as (_, client):
        assert (await create(client)).stop_reason == "pause_turn"
        await create(client, messages=[*HELLO, {"role": "assistant", "content": "Half"}])


@pytest.mark.parametrize(
    "reason", ["end_turn", "max_tokens", "refusal", "stop_sequence", "model_context_window_exceeded"]
)
async def test_every_stop_reason_can_be_scripted(reason: Any) -> None:
    async with running(*[Reply((Text("x"),), stop_reason=reason)] * 2) as (_, client):
        assert (await create(client)).stop_reason == reason
        assert (await stream(client))[0].stop_reason == reason


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, "invalid_request_error"),
        (401, "authentication_error"),
        (429, "rate_limit_error"),
        (500, "api_error"),
        (529, "overloaded_error"),
    ],
)
async def test_an_http_error_has_the_shape_of_the_api(status: int, kind: str) -> None:
    async with running(HttpError(status=status, retry_after=1.5)) as (_, client):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await create(client)
    body = caught.value.body
    assert isinstance(body, dict)
    assert (caught.value.status_code, body["error"]["type"]) == (status, kind)
    assert caught.value.response.headers["retry-after"] == "1.5"
    assert body["request_id"] == caught.value.request_id


async def test_the_clients_own_retries_get_the_next_answer() -> None:
    async with running(HttpError(status=429, retry_after=0.01), HttpError(status=529), "At last.") as (server, client):
        patient = client.with_options(max_retries=2)
        assert (await stream(patient))[1] == ["At last."]
        assert len(server.requests) == 3


async def test_an_error_can_come_in_the_middle_of_a_stream() -> None:
    async with running(Reply((Text("partial "), StreamError()))) as (_, client):
        assert await broken_stream(client, anthropic.APIStatusError) == ["partial "]


async def test_a_connection_can_be_cut_between_steps() -> None:
    async with running(Reply((Text("partial "), Cut()))) as (server, client):
        failures = (anthropic.APIConnectionError, httpx2.RemoteProtocolError)
        assert await broken_stream(client, failures) == ["partial "]
        await server.requests[0].finished.wait()
        assert not server.requests[0].is_complete


@pytest.mark.parametrize("size", [0, 1, 10, 200, 500])
async def test_a_stream_can_be_cut_after_so_many_bytes(size: int) -> None:
    received: list[bytes] = []
    body = {"model": "m", "max_tokens": 10, "messages": HELLO, "stream": True}
    async with (
        running(Reply((Text("some words " * 40),), cut_after_bytes=size)) as (server, _),
        httpx2.AsyncClient() as http,
        http.stream("POST", f"{server.url}/v1/messages", json=body, headers=HEADERS) as answer,
    ):
        with pytest.raises(httpx2.RemoteProtocolError):
            await collect(answer.aiter_raw(), received)
    assert len(b"".join(received)) == size


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_small_writes_split_events_and_characters_without_harm(size: int) -> None:
    text = "Grüße, 日本語, 👽 …"
    async with running(Reply((Text(text),), write_bytes=size)) as (_, client):
        message, _pieces = await stream(client)
        assert message.content[0].model_dump()["text"] == text


async def test_the_json_of_a_tool_call_can_be_split_anywhere_or_be_broken() -> None:
    split = Reply((ToolUse("t", json_pieces=('{"co', 'mponent": "v', 'pc"}')),))
    broken = Reply((ToolUse("t", json_pieces=('{"component": ', "}")),))
    async with running(split, broken) as (_, client):
        assert (await stream(client))[0].content[0].model_dump()["input"] == {"component": "vpc"}
        raw = await client.messages.create(model="m", max_tokens=9, messages=HELLO, stream=True)
        deltas = [event.delta async for event in raw if event.type == "content_block_delta"]
        parts = [delta.partial_json for delta in deltas if delta.type == "input_json_delta"]
        assert "".join(parts) == '{"component": }'


async def test_a_gate_holds_the_stream_until_the_test_opens_it() -> None:
    async with running(Reply((Text("before "), WaitFor("gate"), Text("after")))) as (server, client):
        async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as events:
            pieces = aiter(events.text_stream)
            assert await anext(pieces) == "before "
            server.gate("gate").set()
            assert await anext(pieces) == "after"
        assert (await server.wait_for_request(0)).path == "/v1/messages"


async def test_a_client_that_leaves_a_silent_stream_is_noticed() -> None:
    async with running(Reply((Text("then nothing"), Silence()))) as (server, client):
        async with client.messages.stream(model="m", max_tokens=9, messages=HELLO) as events:
            assert await anext(aiter(events.text_stream)) == "then nothing"
        await server.requests[0].finished.wait()
        assert not server.requests[0].is_complete


async def test_stopping_the_server_ends_a_silent_answer() -> None:
    async with asyncio.timeout(10):
        async with offline_model(Script(Reply((Text("x"),), before=WaitFor("never")))) as server:
            client = anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0)
            asking = asyncio.create_task(create(client))
            await server.wait_for_request(0)
        with pytest.raises(anthropic.APIError):
            await asking
        await client.close()


async def test_a_proxys_page_can_stand_in_for_an_answer() -> None:
    page = RawAnswer(body=b"<html>captive portal</html>")
    lie = Reply((Text("x"),), content_type="text/html")
    async with running(page, lie) as (server, _), httpx2.AsyncClient() as http:
        for start in (b"<html>", b"{"):
            body = {"model": "m", "max_tokens": 10, "messages": HELLO}
            answer = await http.post(f"{server.url}/v1/messages", json=body, headers=HEADERS)
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.content.startswith(start)


async def test_text_comes_in_small_pieces_of_whole_words() -> None:
    async with running(piece_delay_seconds=0.001) as (_, client):
        message, pieces = await stream(client)
        assert len(pieces) > 20
        assert "".join(pieces) == message.content[0].model_dump()["text"]


async def test_a_text_stops_at_max_tokens() -> None:
    async with running() as (_, client):
        message = await create(client, max_tokens=5)
        assert message.stop_reason == "max_tokens"
        assert len(message.content[0].model_dump()["text"]) == 20


async def test_scripted_usage_is_sent_as_it_is() -> None:
    usage = Usage(input_tokens=7, output_tokens=8, cache_read_input_tokens=9, cache_creation_input_tokens=10)
    async with running(Reply((Text("x"),), usage=usage)) as (_, client):
        got = (await stream(client))[0].usage
    assert (got.input_tokens, got.output_tokens) == (7, 8)
    assert (got.cache_read_input_tokens, got.cache_creation_input_tokens) == (9, 10)


async def test_the_cache_is_read_exactly_where_a_prefix_was_sent_before() -> None:
    point = {"cache_control": {"type": "ephemeral"}}

    def request(*texts: str, system: str = "You are.") -> dict[str, Any]:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text} for text in texts]
        blocks[-1] |= point
        return {"system": [{"type": "text", "text": system} | point], "messages": [{"role": "user", "content": blocks}]}

    async with running("1", "2", "3", "4") as (_, client):
        first = (await create(client, **request("a" * 400))).usage
        again = (await create(client, **request("a" * 400))).usage
        longer = (await create(client, **request("a" * 400, "b" * 400))).usage
        other = (await create(client, **request("a" * 400, system="You were."))).usage
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation_input_tokens
    assert (again.cache_read_input_tokens, again.cache_creation_input_tokens) == (first.cache_creation_input_tokens, 0)
    assert longer.cache_read_input_tokens == first.cache_creation_input_tokens
    assert longer.cache_creation_input_tokens
    assert other.cache_read_input_tokens == 0
    assert first.input_tokens == 0


async def test_tokens_are_counted_without_an_answer() -> None:
    async with running("unused") as (server, client):
        short = await client.messages.count_tokens(model="m", messages=HELLO)
        long = await client.messages.count_tokens(model="m", messages=HELLO, system="You are helpful. " * 20)
        assert 0 < short.input_tokens < long.input_tokens
        assert len(server.script) == 1


async def test_the_only_model_says_what_it_is() -> None:
    async with running() as (_, client):
        models = [model async for model in client.models.list()]
    assert [(model.id, "no language model" in model.display_name) for model in models] == [("offline-demo", True)]


@pytest.mark.parametrize(
    ("headers", "content", "status", "message"),
    [
        ({"anthropic-version": "x"}, b"{}", 401, "x-api-key"),
        ({"authorization": "Bearer", "anthropic-version": "x"}, b"{}", 401, "x-api-key"),
        ({"x-api-key": "k"}, b"{}", 400, "anthropic-version"),
        (HEADERS, b"{", 400, "not valid JSON"),
        (HEADERS, b"[]", 400, "must be a JSON object"),
        (HEADERS, b"", 400, "not valid JSON"),
        ({"authorization": "Bearer k", "anthropic-version": "x"}, b"{}", 400, "required"),
    ],
)
async def test_a_bad_call_is_refused_as_the_api_does(
    headers: dict[str, str], content: bytes, status: int, message: str
) -> None:
    async with running() as (server, _), httpx2.AsyncClient() as http:
        answer = await http.post(f"{server.url}/v1/messages", content=content, headers=headers)
        assert answer.status_code == status
        assert answer.json()["type"] == "error"
        assert message in answer.json()["error"]["message"]
        assert server.requests[0].raw == content


async def test_an_unknown_path_is_not_found_in_the_words_of_the_api() -> None:
    async with running() as (server, _), httpx2.AsyncClient() as http:
        answer = await http.post(f"{server.url}/v1/complete", headers=HEADERS)
        assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize("is_streaming", [True, False])
async def test_a_whole_turn_by_the_rules_works_through_the_sdk(is_streaming: bool) -> None:
    run = atmos_tools()
    tools: Any = [{"name": name, "input_schema": {"type": "object"}} for name in run]
    messages: list[Any] = [{"role": "user", "content": "What is the CIDR of the VPC in ue1-prod?"}]
    async with running() as (_, client):
        while True:
            more = {"tools": tools, "messages": messages}
            message = (await stream(client, **more))[0] if is_streaming else await create(client, **more)
            messages.append({"role": "assistant", "content": message.to_dict(exclude_unset=True)["content"]})
            calls = [block for block in message.content if block.type == "tool_use"]
            if not calls:
                break
            results = [
                {"type": "tool_result", "tool_use_id": call.id, "content": run[call.name](**call.input)}
                for call in calls
            ]
            messages.append({"role": "user", "content": results})
    assert "10.20.0.0/16" in messages[-1]["content"][0]["text"]
    assert len(messages) == 4


async def test_faults_of_a_stream_hit_a_whole_answer_too() -> None:
    failing = Reply((Text("x"), Pause(0), StreamError()))
    async with running(failing, Reply((Cut(),)), Reply((Text("x" * 50),), cut_after_bytes=30)) as (server, client):
        with pytest.raises(anthropic.APIStatusError) as caught:
            await create(client)
        assert caught.value.status_code == 529
        for _ in range(2):
            with pytest.raises(anthropic.APIConnectionError):
                await create(client)
        assert [request.is_complete for request in server.requests] == [True, False, False]
