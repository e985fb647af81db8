"""The decision order, row by row; see docs/permissions.md."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.grants import Grant, smallest_grant
from atmos_ai_sidecar.domain.permissions import (
    Decision,
    DecisionKind,
    ListEntry,
    Mode,
    PermissionSettings,
    Precedence,
    decide,
    is_hidden,
)
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, Result, Tool

ALLOW, ASK, DENY = DecisionKind.ALLOW, DecisionKind.ASK, DecisionKind.DENY
STRICTEST = Precedence.STRICTEST


async def execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


PLAN = Tool(
    name="atmos_terraform_plan",
    description="",
    parameters=(),
    effect=Effect.EXECUTE,
    execute=execute,
    requires_permission=True,
    stack_parameter="stack",
    component_parameter="component",
)
READ = dataclasses.replace(PLAN, name="atmos_list_stacks", effect=Effect.READ, requires_permission=False)
RESTRICTED = dataclasses.replace(PLAN, restricted=True)
VALUES = {"stack": "ue1-prod", "component": "vpc"}


def entries(*patterns: str) -> tuple[ListEntry, ...]:
    return tuple(ListEntry(pattern=pattern, file="atmos.yaml", line=line) for line, pattern in enumerate(patterns, 1))


def command(command_class: CommandClass, *, forbidden: str = "") -> Tool:
    demand = Demand(effect=Effect.EXECUTE, requires_permission=True, command_class=command_class, forbidden=forbidden)
    return dataclasses.replace(PLAN, name="execute_atmos_command", demand_of=lambda _values: demand)


def decided(tool: Tool = PLAN, values: Mapping[str, Any] = VALUES, session_id: str = "s", **settings: Any) -> Decision:
    return decide(tool, values, PermissionSettings(**settings), session_id=session_id)


ALL = entries("*")
ALWAYS = Grant(tool=PLAN.name, allow=True, input=VALUES)
NEVER = Grant(tool=PLAN.name, allow=False, input=VALUES)


@pytest.mark.parametrize(
    ("tool", "settings", "kind", "rule"),
    [
        # row 0: the floor
        (command(CommandClass.UNKNOWN, forbidden="never"), {"yolo": True}, DENY, "built in: the floor"),
        (PLAN, {"blocked": ALL, "yolo": True, "precedence": STRICTEST}, DENY, "ai.tools.blocked: *"),
        # row 1: YOLO
        (PLAN, {"yolo": True}, ALLOW, "ai.tools.yolo_mode or --yolo"),
        (PLAN, {"yolo": True, "blocked": ALL}, ALLOW, "ai.tools.yolo_mode or --yolo"),
        (RESTRICTED, {"yolo": True, "read_only": True}, ALLOW, "ai.tools.yolo_mode or --yolo"),
        # row 2: blocked, and answers that reject
        (PLAN, {"blocked": ALL, "mode": Mode.ALLOW, "allowed": ALL}, DENY, "ai.tools.blocked: *"),
        (READ, {"blocked": entries("atmos_list_*")}, DENY, "ai.tools.blocked: atmos_list_*"),
        (PLAN, {"grants": (NEVER,), "mode": Mode.ALLOW}, DENY, NEVER.text),
        (PLAN, {"grants": (ALWAYS, NEVER)}, DENY, NEVER.text),
        # row 3: read-only
        (PLAN, {"read_only": True, "mode": Mode.ALLOW}, DENY, "--read-only"),
        (READ, {"read_only": True}, ALLOW, "atmos_list_stacks: needs no permission"),
        # row 5: mode Allow
        (PLAN, {"mode": Mode.ALLOW}, ALLOW, "ai.tools.require_confirmation: false"),
        (RESTRICTED, {"mode": Mode.ALLOW, "restricted": ALL}, ALLOW, "ai.tools.require_confirmation: false"),
        # row 6: allowed, and answers that allow
        (PLAN, {"allowed": entries("atmos_*")}, ALLOW, "ai.tools.allowed: atmos_*"),
        (PLAN, {"grants": (ALWAYS,)}, ALLOW, ALWAYS.text),
        (PLAN, {"allowed": ALL, "restricted": ALL}, ALLOW, "ai.tools.allowed: *"),
        (RESTRICTED, {"allowed": ALL}, ALLOW, "ai.tools.allowed: *"),
        (PLAN, {"run_allowed": entries("atmos_*")}, ALLOW, "--allow atmos_*"),
        (PLAN, {"run_allowed": ALL, "restricted": ALL}, ALLOW, "--allow *"),
        (RESTRICTED, {"run_allowed": ALL, "restricted": ALL, "precedence": STRICTEST}, ALLOW, "--allow *"),
        (PLAN, {"run_allowed": ALL, "mode": Mode.DENY}, ALLOW, "--allow *"),
        (PLAN, {"run_allowed": ALL, "blocked": ALL}, DENY, "ai.tools.blocked: *"),
        (PLAN, {"run_allowed": ALL, "grants": (NEVER,)}, DENY, NEVER.text),
        (PLAN, {"run_allowed": ALL, "read_only": True}, DENY, "--read-only"),
        (command(CommandClass.READ, forbidden="never"), {"run_allowed": ALL}, DENY, "built in: the floor"),
        (command(CommandClass.PLAN), {"run_allowed": ALL}, ALLOW, "--allow *"),
        (command(CommandClass.DESTROY), {"run_allowed": ALL}, ASK, "tools that need permission ask"),
        # row 7: restricted
        (READ, {"restricted": ALL}, ASK, "ai.tools.restricted: *"),
        (dataclasses.replace(READ, restricted=True), {}, ASK, "atmos_list_stacks: restricted"),
        (PLAN, {"allowed": ALL, "restricted": ALL, "precedence": STRICTEST}, ASK, "ai.tools.restricted: *"),
        (PLAN, {"restricted": ALL, "mode": Mode.DENY}, ASK, "ai.tools.restricted: *"),
        # row 8: needs no permission
        (READ, {}, ALLOW, "atmos_list_stacks: needs no permission"),
        (READ, {"mode": Mode.DENY}, ALLOW, "atmos_list_stacks: needs no permission"),
        # row 9: mode Deny
        (PLAN, {"mode": Mode.DENY}, DENY, "ai.tools.mode: deny"),
        # row 10: ask
        (PLAN, {}, ASK, "tools that need permission ask"),
        (
            PLAN,
            {"allowed": entries("atmos_list_*"), "blocked": entries("file_*")},
            ASK,
            "tools that need permission ask",
        ),
    ],
)
def test_the_first_matching_row_decides(tool: Tool, settings: dict[str, Any], kind: DecisionKind, rule: str) -> None:
    decision = decided(tool, **settings)
    assert (decision.kind, decision.rule.text) == (kind, rule)
    assert decision.reason


def test_the_winning_rule_carries_file_and_line_and_the_lost_ones_follow_in_order() -> None:
    decision = decided(allowed=entries("x", "atmos_*"), restricted=ALL)
    assert (decision.rule.file, decision.rule.line) == ("atmos.yaml", 2)
    assert [rule.text for rule in decision.lost] == ["ai.tools.restricted: *", "tools that need permission ask"]


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("atmos_terraform_plan", True),
        ("atmos_terraform", False),
        ("ATMOS_TERRAFORM_PLAN", False),
        ("atmos_*", True),
        ("*plan", True),
        ("*terraform*", True),
        ("atmos_terraform_pla?", True),
        ("atmos_terraform_[op]lan", True),
        ("", False),
    ],
)
def test_a_pattern_is_exact_unless_wildcards_are_written(pattern: str, matches: bool) -> None:
    assert ListEntry(pattern=pattern).matches(PLAN.name) is matches


def test_a_grant_covers_only_its_tool_input_and_session() -> None:
    assert ALWAYS.matches(PLAN.name, {**VALUES, "targets": []}, "s")
    assert not ALWAYS.matches("other", VALUES, "s")
    assert not ALWAYS.matches(PLAN.name, {**VALUES, "stack": "ue1-dev"}, "s")
    assert not ALWAYS.matches(PLAN.name, {"stack": "ue1-prod"}, "s")
    of_one_session = dataclasses.replace(ALWAYS, session_id="s")
    assert of_one_session.matches(PLAN.name, VALUES, "s")
    assert not of_one_session.matches(PLAN.name, VALUES, "other")


def test_a_grants_text_is_the_rule_as_a_person_reads_it() -> None:
    assert ALWAYS.text == "always allow atmos_terraform_plan where component = vpc, stack = ue1-prod"
    assert Grant(tool="t", allow=False).text == "always reject t"


def test_always_is_not_offered_for_restricted_tools() -> None:
    assert decided().can_remember
    assert not decided(RESTRICTED).can_remember
    assert not decided(restricted=ALL).can_remember


@pytest.mark.parametrize("command_class", list(CommandClass))
def test_always_is_not_offered_for_what_destroys_or_touches_state_or_is_not_known(command_class: CommandClass) -> None:
    forgets = {CommandClass.DESTROY, CommandClass.STATE, CommandClass.UNKNOWN}
    assert decided(command(command_class)).can_remember is (command_class not in forgets)


@pytest.mark.parametrize("command_class", list(CommandClass))
def test_list_patterns_and_bare_grants_allow_a_command_only_when_it_reads_or_plans(command_class: CommandClass) -> None:
    tool = command(command_class)
    expected = ALLOW if command_class in {CommandClass.READ, CommandClass.PLAN} else ASK
    assert decided(tool, allowed=entries("atmos_*", "execute_*")).kind is expected
    assert decided(tool, grants=(Grant(tool=tool.name, allow=True),)).kind is expected
    assert decided(tool, grants=(Grant(tool=tool.name, allow=True, input=VALUES),)).kind is ALLOW
    assert decided(tool, mode=Mode.ALLOW).kind is ALLOW
    assert decided(tool, yolo=True).kind is ALLOW


def test_a_call_whose_input_demands_more_is_decided_by_that() -> None:
    def demand_of(values: Mapping[str, Any]) -> Demand:
        resolves = bool(values.get("resolve"))
        return Demand(
            effect=Effect.EXECUTE if resolves else Effect.READ,
            requires_permission=resolves,
            command_class=CommandClass.CODE_EXECUTION if resolves else None,
        )

    tool = dataclasses.replace(READ, demand_of=demand_of)
    assert decided(tool, {}).kind is ALLOW
    assert decided(tool, {"resolve": True}).kind is ASK
    assert decided(tool, {"resolve": True}, allowed=ALL).kind is ASK
    assert decided(tool, {"resolve": True}, read_only=True).kind is DENY
    assert decided(tool, {}, read_only=True).kind is ALLOW


def test_a_tool_that_runs_programs_without_permission_says_so_and_not_that_it_reads() -> None:
    decision = decided(dataclasses.replace(PLAN, requires_permission=False))
    assert decision.kind is ALLOW
    assert "reads" not in decision.reason


@pytest.mark.parametrize(
    ("tool", "settings", "hidden"),
    [
        (PLAN, {}, False),
        (PLAN, {"blocked": ALL}, True),
        (PLAN, {"blocked": entries("file_*")}, False),
        (PLAN, {"blocked": ALL, "yolo": True}, False),
        (PLAN, {"blocked": ALL, "yolo": True, "precedence": STRICTEST}, True),
        (PLAN, {"grants": (Grant(tool=PLAN.name, allow=False),)}, True),
        (PLAN, {"grants": (Grant(tool=PLAN.name, allow=False),), "yolo": True, "precedence": STRICTEST}, False),
        (PLAN, {"grants": (Grant(tool=PLAN.name, allow=False, session_id="s"),)}, False),
        (PLAN, {"grants": (Grant(tool=PLAN.name, allow=True),)}, False),
        (PLAN, {"grants": (Grant(tool="other", allow=False),)}, False),
        (PLAN, {"grants": (NEVER,)}, False),
    ],
)
def test_a_tool_is_hidden_only_when_every_call_of_it_would_be_denied(
    tool: Tool, settings: dict[str, Any], hidden: bool
) -> None:
    assert is_hidden(tool, PermissionSettings(**settings)) is hidden


def test_the_smallest_grant_is_stack_and_component_else_the_whole_input() -> None:
    values = {**VALUES, "targets": ["a"]}
    assert smallest_grant(PLAN, values, allow=True) == Grant(tool=PLAN.name, allow=True, input=VALUES)
    only_stack = smallest_grant(PLAN, {"stack": "ue1-dev"}, allow=False)
    assert only_stack == Grant(tool=PLAN.name, allow=False, input={"stack": "ue1-dev"})
    tool = dataclasses.replace(PLAN, stack_parameter="", component_parameter="")
    assert smallest_grant(tool, {"arguments": ["x"]}, allow=True).input == {"arguments": ["x"]}


def test_the_smallest_grant_names_what_makes_the_call_demand_more() -> None:
    def demand_of(values: Mapping[str, Any]) -> Demand:
        return Demand(effect=Effect.EXECUTE if values.get("resolve") else Effect.READ, requires_permission=True)

    tool = dataclasses.replace(PLAN, demand_of=demand_of)
    grant = smallest_grant(tool, {**VALUES, "resolve": True, "provenance": True}, allow=True)
    assert grant.input == {**VALUES, "resolve": True}
    assert smallest_grant(tool, {**VALUES, "resolve": False}, allow=True).input == VALUES


PATTERNS = st.sampled_from(["*", "atmos_*", "execute_*", PLAN.name, READ.name, "other"])
LISTS = st.lists(PATTERNS, max_size=3).map(lambda patterns: entries(*patterns))
TOOLS = st.sampled_from([PLAN, READ, RESTRICTED, *(command(command_class) for command_class in CommandClass)])
SETTINGS = st.builds(
    PermissionSettings,
    mode=st.sampled_from(Mode),
    yolo=st.booleans(),
    read_only=st.booleans(),
    allowed=LISTS,
    restricted=LISTS,
    blocked=LISTS,
    precedence=st.sampled_from(Precedence),
    grants=st.lists(st.builds(Grant, tool=st.sampled_from([PLAN.name, READ.name]), allow=st.booleans()), max_size=2),
)
STRICTNESS = [ALLOW, ASK, DENY]


@given(TOOLS, SETTINGS, PATTERNS)
def test_blocking_or_rejecting_more_never_allows_more(tool: Tool, settings: PermissionSettings, pattern: str) -> None:
    before = STRICTNESS.index(decide(tool, VALUES, settings).kind)
    for more in (
        dataclasses.replace(settings, blocked=(*settings.blocked, *entries(pattern))),
        dataclasses.replace(settings, restricted=(*settings.restricted, *entries(pattern))),
        dataclasses.replace(settings, grants=(*settings.grants, Grant(tool=tool.name, allow=False))),
        dataclasses.replace(settings, read_only=True),
    ):
        if more.restricted != settings.restricted and settings.mode is Mode.DENY:
            continue  # restricted asks where mode Deny would deny: the order of the original design
        assert STRICTNESS.index(decide(tool, VALUES, more).kind) >= before


@given(TOOLS, SETTINGS, PATTERNS)
def test_allowing_more_never_changes_a_denial_by_a_list_or_an_answer(
    tool: Tool, settings: PermissionSettings, pattern: str
) -> None:
    decision = decide(tool, VALUES, settings)
    if decision.kind is DENY and decision.rule.text != "ai.tools.mode: deny":
        more = dataclasses.replace(settings, allowed=(*settings.allowed, *entries(pattern)))
        assert decide(tool, VALUES, more).kind is DENY


@given(SETTINGS)
def test_nothing_allows_what_is_forbidden(settings: PermissionSettings) -> None:
    assert decide(command(CommandClass.READ, forbidden="never"), VALUES, settings).kind is DENY


def test_every_combination_of_settings_has_a_decision_with_a_reason() -> None:
    switches = itertools.product(Mode, (False, True), (False, True), Precedence, ((), ALL), ((), ALL), ((), ALL))
    for mode, yolo, read_only, precedence, allowed, restricted, blocked in switches:
        settings = PermissionSettings(
            mode=mode,
            yolo=yolo,
            read_only=read_only,
            precedence=precedence,
            allowed=allowed,
            restricted=restricted,
            blocked=blocked,
        )
        for tool, effect in itertools.product((PLAN, READ, RESTRICTED), Effect):
            decision = decide(dataclasses.replace(tool, effect=effect), VALUES, settings)
            assert decision.reason
            assert decision.rule.text


@pytest.mark.parametrize(
    ("listed", "tool"),
    [
        ("read_file", "file_read"),
        ("edit_file", "file_edit"),
        ("search_files", "file_search"),
        ("write_stack_file", "file_write"),
        ("write_component_file", "file_write"),
        ("list_component_files", "file_list"),
        ("write_*", "file_write"),
    ],
)
def test_the_name_of_a_tool_of_atmos_on_a_list_governs_ours(listed: str, tool: str) -> None:
    ours = dataclasses.replace(PLAN, name=tool)
    assert decided(ours, blocked=entries(listed)).kind is DENY
    assert decided(ours, allowed=entries(listed)).kind is ALLOW
    assert is_hidden(ours, PermissionSettings(blocked=entries(listed)))
    assert decided(PLAN, blocked=entries(listed)).kind is ASK


def on_file(target: str, *, must_ask: str = "") -> Tool:
    demand = Demand(effect=Effect.WRITE, requires_permission=True, target=target, must_ask=must_ask)
    return dataclasses.replace(PLAN, name="file_edit", path_parameters=("path",), demand_of=lambda _values: demand)


@pytest.mark.parametrize("settings", [{"mode": Mode.ALLOW}, {"allowed": entries("*")}, {"mode": Mode.DENY}, {}])
def test_what_asks_each_time_asks_whatever_lists_and_modes_say(settings: Mapping[str, Any]) -> None:
    decision = decided(on_file("/etc/hosts", must_ask="it is outside"), {"path": "/etc/hosts"}, **settings)
    assert (decision.kind, decision.reason, decision.can_remember) == (ASK, "it is outside", False)


def test_what_asks_each_time_is_still_denied_by_a_block_and_allowed_by_yolo() -> None:
    tool = on_file("/etc/hosts", must_ask="it is outside")
    assert decided(tool, blocked=entries("file_edit")).kind is DENY
    assert decided(tool, yolo=True).kind is ALLOW


def test_a_grant_for_a_file_holds_for_the_file_that_a_path_leads_to() -> None:
    tool, values = on_file("stacks/a.yaml"), {"path": "link.yaml", "old": "1", "new": "2"}
    grant = smallest_grant(tool, values, allow=True)
    assert grant.text == "always allow file_edit where path = stacks/a.yaml"
    assert decided(tool, values, grants=(grant,)).kind is ALLOW
    assert decided(tool, {"path": "stacks/a.yaml", "old": "3", "new": "4"}, grants=(grant,)).kind is ALLOW
    assert decided(on_file("stacks/b.yaml"), {"path": "stacks/a.yaml"}, grants=(grant,)).kind is ASK
