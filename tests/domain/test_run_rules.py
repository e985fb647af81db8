"""Commands that one run allows: `--allow 'TOOL(COMMAND)'`."""

from typing import Any

import pytest

from atmos_ai_sidecar.domain.decisions import Decision, DecisionKind, ListEntry
from atmos_ai_sidecar.domain.permissions import PermissionSettings, Precedence, decide
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tool_patterns import ToolPattern
from tests.domain.test_rules import ALLOW, ASK, ATMOS, DENY, SHELL

EVERY = (ListEntry(pattern="*"),)


def decided(pattern: str, text: str, **settings: Any) -> Decision:
    parsed = ToolPattern.parsed(pattern)
    rules = RuleBook([PermissionRule(decision=ALLOW, tools=(parsed.tool,), commands=(parsed.command,))])
    values = {"arguments": text.split()} if parsed.tool == ATMOS.name else {"command": text}
    called = ATMOS if "arguments" in values else SHELL
    return decide(called, values, PermissionSettings(run_rules=rules, **settings))


DEPLOY = "execute_atmos_command(terraform deploy vpc -s ue1-dev *)"
STAGED = "execute_bash_command(git add *)"


@pytest.mark.parametrize("precedence", list(Precedence))
def test_command_of_that_form_runs_also_when_its_tool_is_restricted(precedence: Precedence) -> None:
    decision = decided(DEPLOY, "terraform deploy vpc -s ue1-dev -auto-approve", restricted=EVERY, precedence=precedence)
    assert decision.kind is ALLOW
    assert decision.rule.text == "--allow execute_atmos_command(atmos terraform deploy vpc -s ue1-dev *)"


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (DEPLOY, "terraform deploy vpc -s ue1-prod"),
        (DEPLOY, "terraform destroy vpc -s ue1-dev"),
        (STAGED, "git add . && git push"),
        (STAGED, "git add $(rm -rf /)"),
        (STAGED, "git addx ."),
    ],
)
def test_other_commands_and_lines_with_more_in_them_still_ask(pattern: str, text: str) -> None:
    assert decided(pattern, text).kind is ASK


def test_beside_the_name_of_the_tool_harmless_commands_of_the_line_run_too() -> None:
    line = "git add main.tf && git status"
    assert decided(STAGED, line).kind is ASK
    assert decided(STAGED, line, run_allowed=EVERY).kind is ALLOW


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"blocked": EVERY}, DENY),
        ({"read_only": True}, DENY),
        ({"rules": RuleBook([PermissionRule(decision=DENY, commands=("terraform deploy *",))])}, DENY),
        ({"rules": RuleBook([PermissionRule(decision=ASK, commands=("terraform deploy *",))])}, ASK),
    ],
)
def test_what_denies_or_asks_by_rule_stands_above(settings: dict[str, Any], kind: DecisionKind) -> None:
    assert decided(DEPLOY, "terraform deploy vpc -s ue1-dev", **settings).kind is kind


def test_floor_stands_above() -> None:
    assert decided("execute_bash_command(*)", "atmos-ai exec hello").kind is DENY
