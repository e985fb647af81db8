"""Row 9: how long a decision takes among a thousand rules."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess, demand_of
from atmos_ai_sidecar.domain.decisions import DecisionKind, ListEntry
from atmos_ai_sidecar.domain.permissions import PermissionSettings, decide
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import Effect, Execution, Result, Tool
from tests.bench.table import Row, row

_ROUNDS = 3000


async def _execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


_PLAN = Tool(
    name="atmos_terraform_plan",
    description="",
    parameters=(),
    effect=Effect.EXECUTE,
    execute=_execute,
    requires_permission=True,
    stack_parameter="stack",
    component_parameter="component",
)


def decision_rows() -> list[Row]:
    """A call with stack and component, and a command line that was parsed before."""
    settings = PermissionSettings(rules=RuleBook(_rules()), allowed=[ListEntry(pattern="atmos_list_*")])
    demand = demand_of(assess("terraform plan -no-color | head -5", TreeSitterCommandParser().parse))
    shell = Tool(
        name="execute_bash_command",
        description="",
        parameters=(),
        effect=Effect.EXECUTE,
        execute=_execute,
        requires_permission=True,
        demand_of=lambda _values: demand,
    )
    call = _timed(_PLAN, {"stack": "ue1-prod", "component": "vpc"}, settings)
    command = _timed(shell, {"command": ""}, settings)
    return [
        row("9", "decision about a call with 1,000 rules, p50", call, 100, unit="us"),
        row("9", "decision about a parsed command with 1,000 rules, p50", command, 100, unit="us"),
    ]


def _rules() -> Sequence[PermissionRule]:
    """A quarter for each of: other tools, single stacks, single commands, and single stacks of all tools."""
    decisions = list(DecisionKind)
    rules = []
    for number in range(250):
        decision = decisions[number % 3]
        rules += [
            PermissionRule(decision=decision, tools=(f"server{number}__*",)),
            PermissionRule(decision=decision, tools=("atmos_*",), stacks=(f"org{number}-prod",)),
            PermissionRule(decision=decision, tools=("execute_*",), commands=(f"program{number} apply *",)),
            PermissionRule(decision=decision, stacks=(f"org{number}-dev",), components=("database*",)),
        ]
    return rules


def _timed(tool: Tool, values: Mapping[str, Any], settings: PermissionSettings) -> Sequence[float]:
    decide(tool, values, settings)
    samples = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        decide(tool, values, settings)
        samples.append((time.perf_counter() - start) * 1_000_000)
    return samples
