"""Every combination of settings, rules, effects and classes, against the order of the guide written down once more."""

import dataclasses
import itertools
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest

from atmos_ai_sidecar.domain.commands import SimpleCommand
from atmos_ai_sidecar.domain.decisions import DecisionKind, ListEntry
from atmos_ai_sidecar.domain.permissions import Mode, PermissionSettings, Precedence, decide
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, Result, Tool

ALLOW, ASK, DENY = DecisionKind.ALLOW, DecisionKind.ASK, DecisionKind.DENY
ALL = (ListEntry(pattern="*"),)
RULES: Mapping[str, PermissionRule] = {
    "deny": PermissionRule(decision=DENY, tools=("*",)),
    "ask": PermissionRule(decision=ASK, tools=("*",)),
    "policy asks": PermissionRule(decision=ASK, tools=("*",), is_managed=True),
    "allow": PermissionRule(decision=ALLOW, tools=("*",)),
    "allow command": PermissionRule(decision=ALLOW, commands=("program *",)),
    "other": PermissionRule(decision=DENY, tools=("other",)),
}
BOOKS = {name: RuleBook([rule]) for name, rule in RULES.items()}
HARMLESS = {None, CommandClass.READ, CommandClass.PLAN}


class Case(NamedTuple):
    mode: Mode
    is_strict: bool
    yolo: bool
    read_only: bool
    allowed: bool
    restricted: bool
    blocked: bool
    rule: str
    effect: Effect
    command_class: CommandClass | None
    forbidden: bool
    must_ask: bool


def expected(case: Case) -> DecisionKind:
    """The order of docs/permissions.md."""
    if case.forbidden or case.rule == "deny" or (case.is_strict and case.blocked):
        return DENY
    if case.yolo:
        return ASK if case.rule == "policy asks" else ALLOW
    if case.blocked or (case.read_only and case.effect is not Effect.READ):
        return DENY
    if case.rule in {"ask", "policy asks"} or case.must_ask:
        return ASK
    if case.mode is Mode.ALLOW:
        return ALLOW
    if case.is_strict and case.restricted:
        return ASK
    if (case.allowed or case.rule == "allow") and case.command_class in HARMLESS:
        return ALLOW
    if case.rule == "allow command" and case.command_class is not None:
        return ALLOW
    if case.restricted:
        return ASK
    if case.effect is Effect.READ:
        return ALLOW
    return DENY if case.mode is Mode.DENY else ASK


async def execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


TOOL = Tool(name="t", description="", parameters=(), effect=Effect.READ, execute=execute, requires_permission=True)


def tool_of(effect: Effect, command_class: CommandClass | None, *, forbidden: bool, must_ask: bool) -> Tool:
    demand = Demand(
        effect=effect,
        requires_permission=effect is not Effect.READ,
        command_class=command_class,
        forbidden="never" if forbidden else "",
        must_ask="each time" if must_ask else "",
        commands=[SimpleCommand(argv=("program", "x"), program="program", command_class=command_class)]
        if command_class
        else (),
    )
    return dataclasses.replace(TOOL, demand_of=lambda _values: demand)


SWITCH = (False, True)
CALLS = [
    *itertools.product(Effect, (None, *CommandClass), (False,), (False,)),
    *itertools.product(Effect, (None, CommandClass.READ, CommandClass.DESTROY), (True,), SWITCH),
    *itertools.product(Effect, (None, CommandClass.READ, CommandClass.DESTROY), (False,), (True,)),
]


@pytest.mark.parametrize("mode", list(Mode))
def test_every_combination_is_decided_in_the_order_of_the_guide(mode: Mode) -> None:
    tools = {call: tool_of(call[0], call[1], forbidden=call[2], must_ask=call[3]) for call in CALLS}
    wrong = []
    for strict, yolo, read_only, allowed, restricted, blocked in itertools.product(SWITCH, repeat=6):
        for name, book in BOOKS.items():
            settings = PermissionSettings(
                mode=mode,
                precedence=Precedence.STRICTEST if strict else Precedence.COMPATIBLE,
                yolo=yolo,
                read_only=read_only,
                allowed=ALL if allowed else (),
                restricted=ALL if restricted else (),
                blocked=ALL if blocked else (),
                rules=book,
            )
            for call, tool in tools.items():
                case = Case(mode, strict, yolo, read_only, allowed, restricted, blocked, name, *call)
                decision = decide(tool, {}, settings)
                if decision.kind is not expected(case) or not decision.reason or not decision.rule.text:
                    wrong.append((case, decision))
    assert wrong == []
