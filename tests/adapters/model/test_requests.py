import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model.requests import body_of
from atmos_ai_sidecar.application.ports.model import ModelRequest
from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool

CACHED = {"type": "ephemeral"}


async def do_nothing(values: Mapping[str, Any], execution: Execution) -> Result:
    return Result(success=True)


def tool(name: str) -> Tool:
    return Tool(
        name=name,
        description=f"Does {name}.",
        parameters=[Parameter(name="stack", type="string", description="Stack", required=True)],
        effect=Effect.READ,
        execute=do_nothing,
        requires_permission=False,
    )


def user(*blocks: Block) -> Message:
    return Message(role=Role.USER, blocks=blocks)


def assistant(*blocks: Block) -> Message:
    return Message(role=Role.ASSISTANT, blocks=blocks)


CONVERSATION = [
    user(Text(text="Which stacks are there?")),
    assistant(
        Thinking(thinking="hm", signature="c2ln+/=="),
        RedactedThinking(data="b3BhcXVl"),
        Text(text="Let me look."),
        ToolCall(id="toolu_1", name="atmos_list_stacks", input={"b": 1, "a": 2}),
    ),
    user(ToolResult(tool_call_id="toolu_1", result=Result(success=True, output="ue1-prod"))),
    assistant(Text(text="One.")),
    user(Text(text="Thanks")),
]
REQUEST = ModelRequest(
    model="m", max_tokens=5, system=["Be brief.", "About Atmos."], messages=CONVERSATION, tools=[tool("a"), tool("b")]
)


def result_of(result: Result) -> dict[str, Any]:
    message = user(ToolResult(tool_call_id="t", result=result))
    content = body_of(replace(REQUEST, messages=[message]))["messages"][0]["content"][0]
    assert content.pop("cache_control") == CACHED
    return dict(content)


def without_cache_points(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_cache_points(item) for key, item in value.items() if key != "cache_control"}
    return [without_cache_points(item) for item in value] if isinstance(value, list) else value


def test_blocks_are_sent_as_the_api_has_them() -> None:
    messages = without_cache_points(body_of(REQUEST)["messages"])
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant", "user"]
    assert messages[1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "c2ln+/=="},
        {"type": "redacted_thinking", "data": "b3BhcXVl"},
        {"type": "text", "text": "Let me look."},
        {"type": "tool_use", "id": "toolu_1", "name": "atmos_list_stacks", "input": {"b": 1, "a": 2}},
    ]
    assert messages[2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "ue1-prod"}]}
    ]


def test_cache_points_are_on_the_last_tool_system_block_and_two_messages() -> None:
    body = body_of(REQUEST)
    marked = [
        (where, place)
        for where in ("system", "tools")
        for place, entry in enumerate(body[where])
        if "cache_control" in entry
    ]
    marked += [
        ("messages", place)
        for place, message in enumerate(body["messages"])
        if any("cache_control" in block for block in message["content"])
    ]
    assert marked == [("system", 1), ("tools", 1), ("messages", 3), ("messages", 4)]
    assert json.dumps(body).count("cache_control") == 4


def test_a_cache_point_is_never_on_a_thought() -> None:
    thinking = Thinking(thinking="hm", signature="s")
    body = body_of(replace(REQUEST, messages=[user(Text(text="x")), assistant(Text(text="a"), thinking)]))
    assert [("cache_control" in block) for block in body["messages"][1]["content"]] == [True, False]
    body = body_of(replace(REQUEST, messages=[user(Text(text="x")), assistant(thinking)]))
    assert "cache_control" not in body["messages"][1]["content"][0]


def test_the_next_request_begins_with_the_bytes_of_the_one_before() -> None:
    def sent(count: int) -> str:
        body = body_of(replace(REQUEST, messages=CONVERSATION[:count]))
        return json.dumps(without_cache_points(body)).removesuffix("]}")

    for count in range(1, len(CONVERSATION)):
        assert sent(count + 1).startswith(sent(count))


def test_without_tools_and_system_neither_is_sent() -> None:
    assert set(body_of(replace(REQUEST, tools=[], system=[" "]))) == {"model", "max_tokens", "messages"}


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Result(success=True, output="ok"), "ok"),
        (Result(success=True, data={"b": 1, "a": 2}), '{"data":{"a":2,"b":1}}'),
        (Result(success=True), "(nothing)"),
    ],
)
def test_a_successful_result_is_its_output(result: Result, text: str) -> None:
    assert result_of(result) == {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": text}],
    }


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Result(success=False, output="half", error="It broke."), "half\n\nIt broke."),
        (Result(success=False, error="It broke."), "It broke."),
        (Result(success=False), "(nothing)"),
    ],
)
def test_a_failed_result_is_output_and_error_and_says_so(result: Result, text: str) -> None:
    sent = result_of(result)
    assert sent["is_error"] is True
    assert sent["content"] == [{"type": "text", "text": text}]


def test_blank_texts_are_left_out_and_no_message_is_empty() -> None:
    body = body_of(replace(REQUEST, messages=[user(Text(text=" \n"), Text(text="a")), assistant(Text(text=""))]))
    assert without_cache_points(body["messages"]) == [
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "(nothing)"}]},
    ]


def test_what_has_no_utf_8_is_replaced_everywhere() -> None:
    call = ToolCall(id="t", name="n", input={"k\ud800": ["v\udfff", {"deep": "ü"}]})
    body = body_of(replace(REQUEST, system=["s\ud800"], messages=[user(Text(text="x\ud800")), assistant(call)]))
    json.dumps(body, ensure_ascii=False).encode()
    assert body["messages"][1]["content"][0]["input"] == {"k?": ["v?", {"deep": "ü"}]}
