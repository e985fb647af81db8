from copy import deepcopy
from typing import Any

import pytest

from atmos_ai_sidecar.demo.offline_model.history_rules import sign, violations

CACHE = {"cache_control": {"type": "ephemeral"}}
TOOL = {"name": "list_stacks", "description": "Lists stacks", "input_schema": {"type": "object", "properties": {}}}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content[0] if len(content) == 1 and isinstance(content[0], str) else [*content]}


def assistant(*content: Any) -> dict[str, Any]:
    return user(*content) | {"role": "assistant"}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def call(identifier: str, **more: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": identifier, "name": "list_stacks", "input": {}, **more}


def result(identifier: str, content: Any = "done", **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identifier, "content": content, **more}


def thinking(words: str, signature: str | None = None) -> dict[str, Any]:
    return {"type": "thinking", "thinking": words, "signature": sign(words) if signature is None else signature}


def request(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 100, "messages": list(messages), **more}


def found(body: object, **options: Any) -> list[str]:
    return [str(violation) for violation in violations(body, **options)]


GOOD = {
    "one question": request(user("Hello")),
    "a conversation": request(user("a"), assistant("b"), user("c")),
    "parallel calls": request(
        user("go"),
        assistant(thinking("hm"), text("Let me look."), call("a"), call("b")),
        user(result("b", [text("ok")]), result("a", is_error=True), text("and?")),
        tools=[TOOL],
    ),
    "an empty result": request(user("go"), assistant(call("a")), user(result("a", ""))),
    "four cache points": request(
        user("go"),
        assistant(call("a")),
        user(result("a", [text("ok", **CACHE)]), text("x", **CACHE)),
        tools=[TOOL | CACHE],
        system=[text("You are", **CACHE)],
    ),
    "long-lived cache points first": request(
        user(text("x", **CACHE)), system=[text("s", cache_control={"type": "ephemeral", "ttl": "1h"})]
    ),
    "every setting": request(
        user("go"),
        stream=True,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop_sequences=["END"],
        tools=[TOOL],
        tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        metadata={"user_id": "me"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        service_tier="auto",
    )
    | {"max_tokens": 2000},
    "an image": request(user({"type": "image", "source": {"type": "url", "url": "https://example.com/x.png"}})),
    "hidden thinking": request(user("a"), assistant({"type": "redacted_thinking", "data": "x"}, text("b")), user("c")),
}

BAD: dict[str, tuple[Any, str]] = {
    "no object": ([], "must be a JSON object"),
    "no model": ({"max_tokens": 1, "messages": [user("a")]}, "model: this field is required"),
    "no limit": ({"model": "m", "messages": [user("a")]}, "max_tokens: this field is required"),
    "limit of 0": (request(user("a"), max_tokens=0), "max_tokens: this must be an integer of at least 1"),
    "limit as text": (request(user("a"), max_tokens="100"), "max_tokens: this must be"),
    "limit as boolean": (request(user("a"), max_tokens=True), "max_tokens: this must be"),
    "unknown field": (request(user("a"), max_token=1), "max_token: no such field"),
    "no messages": (request(), "messages: at least one message"),
    "messages as text": (request(user("a"), messages="hi"), "messages: this must be an array"),
    "message as text": (request("hi"), "messages.0: this must be an object"),
    "unknown role": (request({"role": "system", "content": "x"}), "messages.0.role: this must be one of user"),
    "no content": (request({"role": "user"}), "messages.0.content: this field is required"),
    "field beside content": (request(user("a") | {"id": 3}), "messages.0.id: no such field"),
    "starts with the assistant": (request(assistant("a"), user("b")), "messages.0: the first message"),
    "two of one role": (request(user("a"), user("b")), "messages.1: two messages in a row have the role user"),
    "ends with the assistant": (request(user("a"), assistant("b")), "messages.1: the last message must be the user's"),
    "empty text": (request(user("")), "messages.0.content.0.text: a text block must hold more"),
    "blank text": (request(user("a"), assistant(text("  \n")), user("b")), "messages.1.content.0.text"),
    "empty content": (request(user()), "messages.0: a message must have content"),
    "block as text": (request(user("a", "b")), "messages.0.content.0: this must be an object"),
    "unknown block": (request(user({"type": "song"})), "messages.0.content.0.type: 'song' is none of"),
    "field in a block": (request(user(text("a", bold=True))), "messages.0.content.0.bold: no such field"),
    "call by the user": (request(user(call("a"))), "messages.0.content.0.type: 'tool_use' is none of"),
    "result by the assistant": (request(user("a"), assistant(result("a")), user("b")), "'tool_result' is none of"),
    "thinking by the user": (request(user(thinking("a"))), "'thinking' is none of"),
    "call without a result": (request(user("a"), assistant(call("x")), user("b")), "tool_use x has no tool_result"),
    "call at the very end": (request(user("a"), assistant(call("x"))), "tool_use x has no tool_result"),
    "two results": (
        request(user("a"), assistant(call("x")), user(result("x"), result("x"))),
        "messages.2: the tool_use x has more than one",
    ),
    "result too late": (
        request(user("a"), assistant(call("x")), user("b"), assistant("c"), user(result("x"))),
        "messages.4: the tool_result x has no tool_use",
    ),
    "result of nothing": (request(user(result("x"))), "messages.0: the tool_result x has no tool_use"),
    "one of two results": (
        request(user("a"), assistant(call("x"), call("y")), user(result("x"))),
        "the tool_use y has no tool_result",
    ),
    "text before a result": (
        request(user("a"), assistant(call("x")), user(text("b"), result("x"))),
        "messages.2: tool_result blocks must come before",
    ),
    "id used twice": (
        request(user("a"), assistant(call("x")), user(result("x")), assistant(call("x")), user(result("x"))),
        "messages.3: the tool_use id x is used twice",
    ),
    "id with spaces": (request(user("a"), assistant(call("x y")), user(result("x y"))), "content.0.id: this must be"),
    "input as text": (request(user("a"), assistant(call("x", input="{}")), user(result("x"))), "input: this must be"),
    "failure without a word": (
        request(user("a"), assistant(call("x")), user(result("x", "", is_error=True))),
        "messages.2.content.0: the result of a failed tool must say something",
    ),
    "empty text in a result": (
        request(user("a"), assistant(call("x")), user(result("x", [text("")]))),
        "messages.2.content.0.content.0.text",
    ),
    "call inside a result": (
        request(user("a"), assistant(call("x")), user(result("x", [call("y")]))),
        "messages.2.content.0.content.0.type",
    ),
    "thinking without signature": (
        request(user("a"), assistant(thinking("hm", ""), text("b")), user("c")),
        "messages.1.content.0.signature: this must be a non-empty string",
    ),
    "changed thinking": (
        request(user("a"), assistant(thinking("hmm", sign("hm")), text("b")), user("c")),
        "messages.1.content.0.signature: this signature does not belong",
    ),
    "thinking at the end": (request(user("a"), assistant(thinking("hm")), user("c")), "cannot be thinking"),
    "cached thinking": (
        request(user("a"), assistant(thinking("hm") | CACHE, text("b")), user("c")),
        "messages.1.content.0.cache_control: no such field",
    ),
    "five cache points": (
        request(user(*(text(str(number), **CACHE) for number in range(4))), tools=[TOOL | CACHE]),
        "5 cache points were given, at most 4",
    ),
    "cache point of a day": (
        request(user(text("a", cache_control={"type": "ephemeral", "ttl": "1d"}))),
        "messages.0.content.0.cache_control: this must be null or",
    ),
    "short before long": (
        request(user(text("a", cache_control={"type": "ephemeral", "ttl": "1h"})), system=[text("s", **CACHE)]),
        "a cache point of 1h must not come after",
    ),
    "blank system block": (request(user("a"), system=[text(" ")]), "system.0.text"),
    "image in system": (request(user("a"), system=[{"type": "image"}]), "system.0.type"),
    "tool as text": (request(user("a"), tools=["x"]), "tools.0: this must be an object"),
    "tool name with a dot": (request(user("a"), tools=[TOOL | {"name": "a.b"}]), "tools.0.name: this must be a name"),
    "same tool twice": (request(user("a"), tools=[TOOL, TOOL]), "tools.1.name: the name 'list_stacks' is taken"),
    "tool without schema": (request(user("a"), tools=[{"name": "x"}]), "tools.0.input_schema: this field is required"),
    "schema of an array": (
        request(user("a"), tools=[TOOL | {"input_schema": {"type": "array"}}]),
        'tools.0.input_schema: this must be an object with "type"',
    ),
    "server tool": (request(user("a"), tools=[TOOL | {"type": "web_search"}]), "tools.0.type: this must be custom"),
    "choice without tools": (request(user("a"), tool_choice={"type": "auto"}), "tool_choice: this needs tools"),
    "unknown choice": (request(user("a"), tools=[TOOL], tool_choice={"type": "all"}), "tool_choice.type: 'all'"),
    "choice of another tool": (
        request(user("a"), tools=[TOOL], tool_choice={"type": "tool", "name": "x"}),
        "tool_choice.name: no tool is named 'x'",
    ),
    "small thinking": (request(user("a"), thinking={"type": "enabled", "budget_tokens": 10}), "at least 1024"),
    "thinking beyond the limit": (
        request(user("a"), thinking={"type": "enabled", "budget_tokens": 4000}),
        "thinking.budget_tokens: this must be less than max_tokens",
    ),
    "cold thinking": (
        request(user("a"), temperature=0, thinking={"type": "enabled", "budget_tokens": 1024}, max_tokens=2000),
        "temperature: this must be 1",
    ),
    "forced tool while thinking": (
        request(
            user("a"),
            tools=[TOOL],
            tool_choice={"type": "any"},
            thinking={"type": "enabled", "budget_tokens": 1024},
            max_tokens=2000,
        ),
        "tool_choice: a tool cannot be forced",
    ),
    "unknown thinking": (request(user("a"), thinking={"type": "deep"}), "thinking.type: 'deep'"),
    "hot": (request(user("a"), temperature=1.5), "temperature: this must be a number from 0 to 1"),
    "blank stop": (request(user("a"), stop_sequences=[" "]), "stop_sequences: this must be"),
    "user's name": (request(user("a"), metadata={"name": "x"}), "metadata.name: no such field"),
}


@pytest.mark.parametrize("body", GOOD.values(), ids=GOOD)
def test_a_request_that_keeps_the_rules_has_no_violations(body: dict[str, Any]) -> None:
    before = deepcopy(body)
    assert found(body) == []
    assert body == before


@pytest.mark.parametrize(("body", "message"), BAD.values(), ids=BAD)
def test_a_broken_rule_is_named_with_its_place(body: Any, message: str) -> None:
    assert any(message in violation for violation in found(body)), found(body)


def test_after_a_paused_turn_the_history_may_end_with_the_assistant() -> None:
    assert found(request(user("a"), assistant("b")), is_continuation=True) == []


def test_counting_tokens_needs_no_limit() -> None:
    assert found({"model": "m", "messages": [user("a")]}, is_counting=True) == []


def test_a_caller_may_know_other_signatures() -> None:
    body = request(user("a"), assistant(thinking("hm", "issued"), text("b")), user("c"))
    assert found(body, accepts_signature=lambda _thinking, signature: signature == "issued") == []
