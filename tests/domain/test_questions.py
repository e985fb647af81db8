import dataclasses
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, ListEntry, PermissionSettings, Rule, decide
from atmos_ai_sidecar.domain.questions import (
    LINE_COLUMNS,
    columns,
    compact,
    options_for,
    question_lines,
    sanitised,
    title_for,
)
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, Parameter, Preview, Result, Tool

LABELS = {"Call", "Tool", "Effect", "Stack", "Component", "Input", "Leads to", "Change", "Why", "Always"}


async def execute(_input: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


def plan_tool(*, description: str = "Shows what terraform would change.", restricted: bool = False) -> Tool:
    return Tool(
        name="atmos_terraform_plan",
        description=description,
        parameters=[
            Parameter(name="component", type="string", description="Component", required=True),
            Parameter(name="stack", type="string", description="Stack", required=True),
            Parameter(name="targets", type="array", description="Addresses"),
            Parameter(name="note", type="string", description="Note"),
        ],
        effect=Effect.EXECUTE,
        execute=execute,
        requires_permission=True,
        restricted=restricted,
        stack_parameter="stack",
        component_parameter="component",
        title="plan {component} in {stack}",
    )


def call_with(**values: Any) -> ToolCall:
    return ToolCall(id="call-1", name="atmos_terraform_plan", input=values)


def decided(tool: Tool, call: ToolCall, settings: PermissionSettings | None = None) -> Decision:
    return decide(tool, call.input, settings or PermissionSettings())


def question(tool: Tool, call: ToolCall, settings: PermissionSettings | None = None) -> list[str]:
    return list(question_lines(tool, call, decided(tool, call, settings)))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("describe vpc in ue1-prod", "describe vpc in ue1-prod"),
        ("\x1b[2K\x07\x00\x7f", r"\x1b[2K\x07\x00\x7f"),
        ("a\nb\r\n\tc", r"a\nb\r\n\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("prod\u202edorp", "prod<U+202E>dorp"),
        ("zero\u200bwidth\ufeff", "zero<U+200B>width<U+FEFF>"),
        ("no\u00a0break\u3000wide\u2028line", "no<U+00A0>break<U+3000>wide<U+2028>line"),
        ("\u3164\u2800", "<U+3164><U+2800>"),
        ("e\u0301", "e<U+0301>"),
        ("\u05d0", "<U+05D0>"),
        ("\ud800", "<U+D800>"),
        ("\U000e0041", "<U+E0041>"),
        ("Größe 日本 ✓", "Größe 日本 ✓"),
        ("x" + " " * 10_000 + "y", "x<10000 spaces>y"),
        (" " * 24, " " * 24),
    ],
)
def test_what_a_terminal_would_obey_or_hide_is_spelled_out(text: str, shown: str) -> None:
    assert sanitised(text) == shown


def test_long_text_keeps_both_ends_and_says_how_long_it_was() -> None:
    shown = sanitised("begin" + "x" * 12_335 + "finis", limit=80)
    assert shown.startswith("beginx")
    assert shown.endswith("xfinis")
    assert "(12345 characters)" in shown
    assert columns(shown) <= 80


def test_wide_characters_count_twice() -> None:
    assert columns("日本") == 4
    assert columns(sanitised("日" * 500, limit=99)) <= 99


@example("\x1f\u0386", 60)
@given(st.text(st.characters()), st.integers(60, 400))
def test_sanitised_text_is_printable_bounded_and_stable(text: str, limit: int) -> None:
    shown = sanitised(text, limit=limit)
    assert shown.isprintable()
    assert not any(unicodedata.category(char)[0] == "M" for char in shown)
    assert not any(unicodedata.bidirectional(char) in {"R", "AL", "AN"} for char in shown)
    assert columns(shown) <= limit
    assert sanitised(shown, limit=limit) == shown


def test_a_question_says_what_runs_where_and_why() -> None:
    tool, call = plan_tool(), call_with(stack="ue1-prod", component="database", targets=["aws_db.this"])
    assert question(tool, call) == [
        "Call       plan database in ue1-prod",
        "Tool       atmos_terraform_plan: Shows what terraform would change.",
        "Effect     runs programs on this machine",
        "Stack      ue1-prod",
        "Component  database",
        'Input      targets: ["aws_db.this"]',
        "Why        the tool runs programs, and no rule allows it (tools that need",
        "           > permission ask)",
        "Always     would remember: always allow atmos_terraform_plan where component",
        "           > = database, stack = ue1-prod",
    ]


def test_the_rule_that_asks_is_named_with_file_and_line() -> None:
    tool, call = plan_tool(), call_with(stack="ue1-prod", component="database")
    entry = ListEntry(pattern="*_plan", file="atmos.yaml", line=41)
    lines = question(tool, call, PermissionSettings(restricted=[entry]))
    assert "Why        the tool is on the restricted list (ai.tools.restricted: *_plan," in lines
    assert "           > atmos.yaml:41)" in lines
    assert "Always     not offered, this asks every time" in lines


def test_parameters_come_in_the_order_of_the_schema_and_unknown_ones_after_them() -> None:
    lines = question(plan_tool(), call_with(zulu=1, alpha=None, note="", targets=[]))
    start = lines.index("Input      targets: []")
    assert lines[start + 1 : start + 4] == ['           note: ""', "           alpha: null", "           zulu: 1"]


def test_a_call_without_input_says_so() -> None:
    assert "Input      none" in question(plan_tool(), call_with())


def test_values_that_bare_text_would_hide_are_quoted() -> None:
    lines = question(plan_tool(), call_with(stack="ue1-prod ", component=7))
    assert 'Stack      "ue1-prod "' in lines
    assert "Component  7" in lines


def test_compact_lines_need_no_column_for_labels_and_keep_them_alone_in_the_first() -> None:
    lines = ("Call       plan vpc", "Why", "           > more", "           | - x", "           … 3 lines")
    assert compact(lines) == ("Call: plan vpc", "Why: ", " > more", " | - x", " … 3 lines")


def test_text_of_several_lines_stands_behind_a_gutter() -> None:
    lines = question(plan_tool(), call_with(note="one\nEffect     reads\n" + "x" * 70 + "\n"))
    start = lines.index("Input      note: 92 characters in 3 lines")
    assert lines[start + 1 : start + 5] == [
        "           | one",
        "           | Effect     reads",
        "           | " + "x" * 65,
        "           > xxxxx",
    ]


def test_long_text_is_shown_from_both_ends() -> None:
    lines = question(plan_tool(), call_with(note="\n".join(f"line {number}" for number in range(100))))
    shown = [line for line in lines if line.startswith("           | ")]
    assert shown[0] == "           | line 0"
    assert shown[-1] == "           | line 99"
    assert len(shown) == 40
    assert "           … 60 lines are not shown here …" in lines


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(st.sampled_from(["stack", "component", "targets", "note"]) | st.text(), json_values, max_size=4),
    st.text(st.characters()),
)
def test_nothing_in_a_call_can_pass_for_a_field_of_the_question(values: dict[str, Any], description: str) -> None:
    lines = question(plan_tool(description=description), call_with(**values))
    labels = [line[:11].rstrip() for line in lines if not line.startswith(" " * 11)]
    assert set(labels) <= LABELS
    assert len(labels) == len(set(labels))
    assert all(line.isprintable() and columns(line) <= LINE_COLUMNS for line in lines)


def test_the_title_has_the_values_of_the_call() -> None:
    tool = plan_tool()
    assert title_for(tool, call_with(component="vpc", stack="ue1-dev")) == "plan vpc in ue1-dev"
    assert title_for(tool, call_with(component="v\x1bpc")) == r"plan v\x1bpc in ?"
    assert title_for(tool, call_with(component=["a"], stack=1)) == 'plan ["a"] in 1'


def test_a_part_of_the_title_is_left_out_when_its_value_is_missing() -> None:
    tool = dataclasses.replace(plan_tool(), title="list components[ in {stack}][ of type {type}]")
    assert title_for(tool, call_with()) == "list components"
    assert title_for(tool, call_with(type="terraform")) == "list components of type terraform"
    assert title_for(tool, call_with(stack="a[1]", type="b")) == "list components in a[1] of type b"


def test_the_name_in_a_title_is_the_tools_and_never_a_parameter() -> None:
    tool = Tool(name="t", description="", parameters=(), effect=Effect.READ, execute=execute, requires_permission=False)
    assert title_for(tool, call_with(name="harmless")) == "t"


def test_the_options_are_once_always_no_and_never() -> None:
    tool, call = plan_tool(), call_with(stack="ue1-prod", component="database")
    options = options_for(tool, call, decided(tool, call))
    assert [(option.key, option.answer) for option in options] == [
        ("y", Answer.ALLOW_ONCE),
        ("a", Answer.ALLOW_ALWAYS),
        ("n", Answer.REJECT_ONCE),
        ("d", Answer.REJECT_ALWAYS),
    ]
    where = "atmos_terraform_plan where component = database, stack = ue1-prod"
    assert [option.rule_preview for option in options] == ["", f"always allow {where}", "", f"always reject {where}"]


def test_always_is_not_offered_for_a_restricted_tool() -> None:
    tool, call = plan_tool(restricted=True), call_with(stack="ue1-prod", component="database")
    assert [option.key for option in options_for(tool, call, decided(tool, call))] == ["y", "n", "d"]


def test_a_rule_without_a_file_is_named_alone() -> None:
    decision = Decision(kind=DecisionKind.ASK, reason="because", rule=Rule(text="the rule"))
    assert "Why        because (the rule)" in question_lines(plan_tool(), call_with(), decision)


def edit_tool(target: str) -> Tool:
    demand = Demand(effect=Effect.WRITE, requires_permission=True, target=target)
    return dataclasses.replace(
        plan_tool(),
        name="file_edit",
        parameters=[
            Parameter(name=name, type="string", description=name, required=True) for name in ("path", "old", "new")
        ],
        path_parameters=("path",),
        stack_parameter="",
        component_parameter="",
        demand_of=lambda _values: demand,
    )


def edit_question(target: str, diff: str) -> list[str]:
    tool, call = edit_tool(target), ToolCall(id="1", name="file_edit", input={"path": "a.yaml", "old": "1", "new": "2"})
    return list(question_lines(tool, call, decided(tool, call), Preview(text=diff, binding="b")))


def test_a_preview_stands_for_everything_but_the_path() -> None:
    lines = edit_question("a.yaml", "@@ -1 +1 @@\n-a: 1\n+a: 2")
    at = lines.index("Change     +1 \u22121 lines")
    assert lines[at - 1] == 'Input      path: "a.yaml"'
    assert lines[at + 1 : at + 4] == ["           | @@ -1 +1 @@", "           | -a: 1", "           | +a: 2"]
    assert not any("old" in line for line in lines)


def test_a_path_that_leads_elsewhere_is_told() -> None:
    assert "Leads to   stacks/b.yaml" in edit_question("stacks/b.yaml", "+x")
    assert not any(line.startswith("Leads to") for line in edit_question("a.yaml", "+x"))


@given(st.text(max_size=300))
def test_no_diff_can_fake_a_line_of_ours(diff: str) -> None:
    for line in edit_question("a.yaml", diff):
        assert columns(line) <= LINE_COLUMNS
        assert line[:11].strip() in LABELS | {""}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ue1-pr\u043ed", "ue1-pr<U+043E>d"),
        ("d\u0435stroy", "d<U+0435>stroy"),
        ("\uff50rod", "<U+FF50>rod"),
        ("\U0001d429rod", "<U+1D429>rod"),
        ("straße größe 東京 привет", "straße größe 東京 привет"),
    ],
)
def test_letters_that_pass_for_others_are_spelled_out(text: str, shown: str) -> None:
    assert sanitised(text) == shown
    assert sanitised(shown) == shown


HOSTILE = st.text(
    st.sampled_from(
        "aZ9 .-_/\\\n\r\t\x00\x07\x1b[2J\x9b\u200b\u200d\u2060\ufeff\u202e\u2066\u00a0\u3000\u2800\u043e\u0301|>:"
    ),
    max_size=60,
).flatmap(lambda text: st.sampled_from([text, text + " " * 10_000, "\n" * 50 + text, text + "\nWhy        it is safe"]))


@settings(max_examples=40, deadline=None)
@given(name=HOSTILE, key=HOSTILE, value=HOSTILE, component=HOSTILE)
def test_no_name_or_value_can_hide_or_fake_a_part_of_the_question(
    name: str, key: str, value: str, component: str
) -> None:
    tool = replace(plan_tool(), name=name, description=value, title="{component} {note}")
    call = ToolCall(id="call-1", name=name, input={"component": component, "stack": "ue1", "note": value, key: value})
    lines = question(tool, call)
    assert all(columns(line) <= LINE_COLUMNS and line.isprintable() for line in lines)
    heads = [line[:11].strip() for line in lines if not line.startswith(" ")]
    own = ["Call", "Tool", "Effect", "Stack", "Component", "Input", "Why", "Always"]
    assert [head for head in heads if head != "Stack"] == [head for head in own if head != "Stack"]
    assert lines[-1].isprintable()
    assert any(line.startswith("Stack") and "ue1" in line for line in lines) or key in {"stack", "component"}
    options = options_for(tool, call, decided(tool, call))
    assert all(option.rule_preview.isprintable() for option in options)
