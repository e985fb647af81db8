"""The offline model uses any tool that a question names: those of other programs too."""

from typing import Any

import pytest

from atmos_ai_sidecar.demo.offline_model import rules
from atmos_ai_sidecar.demo.offline_model.replies import Text, ToolUse

TICKET = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
SEARCH = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "limit": {"type": "integer"}, "open": {"type": "boolean"}},
    "required": ["text", "limit"],
}
CLOCK: dict[str, Any] = {"type": "object"}
TOOLS = [
    {"name": name, "input_schema": schema}
    for name, schema in (("ticket", TICKET), ("tracker__search-all", SEARCH), ("clock", CLOCK))
]


def step(question: str, *more: dict[str, Any]) -> Any:
    messages = [{"role": "user", "content": question}, *more]
    return rules.answer({"tools": TOOLS, "messages": messages}).steps[0]


@pytest.mark.parametrize(
    ("question", "tool", "values"),
    [
        ("Use the tool ticket with key NET-7.", "ticket", {"key": "NET-7"}),
        ("Please use ticket with key=NET-7", "ticket", {"key": "NET-7"}),
        ("Ask the tool `ticket` about NET-7, please.", "ticket", {"key": "NET-7"}),
        ('call ticket with key: "two words"', "ticket", {"key": "two words"}),
        ("use ticket NET-7", "ticket", {"key": "NET-7"}),
        ("Use tool clock.", "clock", {}),
        (
            "Use tracker__search-all with text vpc, limit 3 and open true",
            "tracker__search-all",
            {"text": "vpc", "limit": 3, "open": True},
        ),
        ("Use tracker__search-all: text=x limit=many", "tracker__search-all", {"text": "x", "limit": "many"}),
    ],
)
def test_tool_that_a_question_names_is_called_with_what_it_says(question: str, tool: str, values: Any) -> None:
    called = step(question)
    assert (called.name, called.input) == (tool, values)


def test_what_the_tool_needs_is_asked_for() -> None:
    assert step("Use tracker__search-all with text vpc") == Text(
        "`tracker__search-all` needs `limit`. Say it as `limit=VALUE`."
    )


@pytest.mark.parametrize("question", ["Use the tool hammer.", "Which stacks use ticket?", "Call me.", "use"])
def test_question_that_names_no_tool_on_offer_is_left_to_the_other_rules(question: str) -> None:
    assert not isinstance(step(question), ToolUse)


@pytest.mark.parametrize(("is_error", "said"), [(False, "`ticket` answered:"), (True, "I could not use `ticket`")])
def test_result_is_told_as_it_came(is_error: bool, said: str) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "ticket", "input": {"key": "A-1"}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "A-1 is odd.", "is_error": is_error}
    told = step("use ticket A-1", {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]})
    assert said in told.text
    assert "A-1 is odd." in told.text


def test_result_is_told_also_when_the_tool_has_gone_meanwhile() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "hammer", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "It has gone.", "is_error": True}
    told = step("Use hammer", {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]})
    assert "It has gone." in told.text
