"""Rules of ours: what they match, and where they stand in the order."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess, assess_argv, demand_of
from atmos_ai_sidecar.domain.decisions import Decision, DecisionKind, ListEntry
from atmos_ai_sidecar.domain.permissions import (
    Mode,
    PermissionSettings,
    Precedence,
    decide,
    is_hidden,
    unknown_patterns,
)
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, Result, Tool
from atmos_ai_sidecar.domain.word_patterns import Match, WordPattern

ALLOW, ASK, DENY = DecisionKind.ALLOW, DecisionKind.ASK, DecisionKind.DENY
PARSE = TreeSitterCommandParser().parse


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
SHELL = dataclasses.replace(
    PLAN,
    name="execute_bash_command",
    stack_parameter="",
    component_parameter="",
    demand_of=lambda values: demand_of(assess(values["command"], PARSE), paths=values.get("paths", ())),
)
ATMOS = dataclasses.replace(
    SHELL,
    name="execute_atmos_command",
    demand_of=lambda values: demand_of(assess_argv(["atmos", *values["arguments"]], PARSE)),
)


def file_tool(*, is_folder: bool = False) -> Tool:
    return dataclasses.replace(
        SHELL,
        name="file_read",
        path_parameters=("path",),
        demand_of=lambda values: Demand(
            effect=Effect.READ,
            requires_permission=False,
            target=values["path"],
            folders=(values["path"],) if is_folder else (),
        ),
    )


def rule(decision: DecisionKind = DENY, **conditions: Any) -> PermissionRule:
    return PermissionRule(decision=decision, file="atmos.yaml", line=7, **conditions)


def decided(tool: Tool, values: Mapping[str, Any], *rules: PermissionRule, **settings: Any) -> Decision:
    return decide(tool, values, PermissionSettings(rules=RuleBook(rules), **settings))


def of_command(command: str, *rules: PermissionRule, **settings: Any) -> DecisionKind:
    return decided(SHELL, {"command": command}, *rules, **settings).kind


def entries(*patterns: str) -> Sequence[ListEntry]:
    return [ListEntry(pattern=pattern) for pattern in patterns]


@pytest.mark.parametrize(
    ("pattern", "words", "match"),
    [
        ("terraform apply *", ("terraform", "apply"), Match.YES),
        ("terraform apply *", ("terraform", "apply", "a", "b"), Match.YES),
        ("terraform apply *", ("terraform", "applyx"), Match.NO),
        ("terraform apply *", ("terraform",), Match.NO),
        ("terraform apply", ("terraform", "apply", "a"), Match.NO),
        ("terraform apply", ("terraform", "apply", None), Match.MAYBE),
        ("terraform apply *", ("terraform", "apply", None), Match.YES),
        ("terraform apply *", ("terraform", None), Match.MAYBE),
        ("terraform apply *", ("ls", None), Match.NO),
        ("terraform apply *", (None,), Match.MAYBE),
        ("git * push *", ("git", "push"), Match.YES),
        ("git * push *", ("git", "-C", "x", "push", "-f"), Match.YES),
        ("git * push", ("git", "push", "x"), Match.NO),
        ("* --force *", ("git", "push", "--force"), Match.YES),
        ("kubectl get secret?", ("kubectl", "get", "secrets"), Match.YES),
        ("*", (), Match.YES),
        ("ls", (), Match.NO),
    ],
)
def test_patterns_of_commands_are_compared_word_by_word(
    pattern: str, words: Sequence[str | None], match: Match
) -> None:
    assert WordPattern(pattern).match(words) is match


APPLY = rule(commands=("terraform apply *",))
DESTROY = rule(commands=("terraform destroy *",))


@pytest.mark.parametrize(
    "command",
    [
        "terraform apply",
        "terraform -chdir=prod apply tfplan",
        "/usr/bin/terraform apply",
        "TERRAFORM apply",
        "'terra'form \\apply",
        "tofu apply",
        "ls && terraform apply",
        "ls | terraform apply",
        "env A=1 sudo -u x timeout 5 nice terraform apply",
        "bash -c 'sh -c \"terraform apply\"'",
        "find . -exec terraform apply {} ;",
        "find . -exec terraform apply {} \\;",
        "echo $(terraform apply)",
        "if true; then terraform apply; fi",
        "xargs terraform apply",
        "terraform --new-option value apply",
        "atmos terraform apply vpc -s ue1-dev",
        "atmos tf apply vpc -s ue1-dev",
        "atmos terraform deploy vpc -s ue1-dev",
        "atmos -s ue1-dev terraform apply vpc",
        "atmos --logs-level Debug terraform apply vpc",
        "atmos -C x terraform apply vpc",
    ],
)
def test_a_rule_that_denies_finds_its_command_however_it_is_written(command: str) -> None:
    for settings in ({}, {"yolo": True}, {"mode": Mode.ALLOW}, {"allowed": entries("*")}):
        assert of_command(command, APPLY, **settings) is DENY


@pytest.mark.parametrize("command", ["terraform plan", "ls apply", "echo terraform apply", "terraform applyx"])
def test_a_rule_that_denies_holds_for_no_other_command(command: str) -> None:
    assert of_command(command, APPLY, yolo=True) is ALLOW


@pytest.mark.parametrize(
    "command", ["$X apply", "terraform $X", "eval $X", 'bash -c "$X"', "ls; terraform ${X}", "ls )"]
)
def test_a_command_that_cannot_be_told_asks_where_a_rule_may_deny_it_also_under_yolo(command: str) -> None:
    decision = decided(SHELL, {"command": command}, APPLY, yolo=True)
    assert decision.kind is ASK
    assert "cannot be told" in decision.reason
    assert of_command(command, APPLY, mode=Mode.ALLOW) is ASK
    assert of_command(command, APPLY, mode=Mode.DENY) is DENY
    assert of_command(command, yolo=True) is ALLOW


def test_every_command_of_a_line_has_to_be_allowed() -> None:
    plan, apply = rule(ALLOW, commands=("terraform plan *",)), rule(ALLOW, commands=("terraform apply *",))
    assert of_command("terraform plan -no-color", plan) is ALLOW
    assert of_command("terraform plan && terraform apply", plan) is ASK
    assert of_command("terraform plan && terraform apply", plan, apply) is ALLOW
    assert of_command("terraform apply | head -5", apply) is ASK
    assert of_command("terraform apply | head -5", apply, allowed=entries("execute_*")) is ALLOW
    assert of_command("terraform apply && terraform destroy", apply, allowed=entries("execute_*")) is ASK
    assert of_command("timeout 5 terraform apply", apply) is ASK
    assert of_command("tofu apply", apply) is ASK
    assert of_command("atmos terraform apply vpc -s x", apply) is ASK
    assert of_command("terraform $X", rule(ALLOW, commands=("terraform *",))) is ASK
    assert of_command("ls )", rule(ALLOW, commands=("*",)), mode=Mode.DENY) is ASK


def test_only_a_rule_with_commands_allows_what_needs_exact_consent() -> None:
    for conditions in ({}, {"tools": ("execute_*",)}, {"effects": (Effect.EXECUTE,)}):
        assert of_command("terraform apply", rule(ALLOW, **conditions)) is ASK
        assert of_command("terraform plan", rule(ALLOW, **conditions)) is ALLOW
    assert of_command("terraform apply", rule(ALLOW, commands=("*",))) is ALLOW


def test_a_rule_for_commands_says_nothing_about_a_call_without_one() -> None:
    values = {"stack": "ue1-prod", "component": "vpc"}
    assert decided(PLAN, values, rule(commands=("*",))).kind is ASK
    assert decided(PLAN, values, rule(ALLOW, commands=("*",))).kind is ASK


PROD = rule(stacks=("*-prod",))


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ("terraform plan vpc -s ue1-prod", DENY),
        ("terraform plan vpc -sue1-prod", DENY),
        ("terraform plan vpc --stack ue1-prod", DENY),
        ("terraform plan vpc --stack=ue1-prod", DENY),
        ("terraform plan vpc -s=ue1-prod", DENY),
        ("terraform plan vpc -s ue1-dev", ALLOW),
        ("terraform plan vpc -s ue1-dev -s ue1-prod", DENY),
        ("terraform plan vpc", ASK),
        ("terraform plan vpc -s", ASK),
        ("terraform plan vpc -s orgs/acme/plat/prod", ASK),
        ("terraform plan vpc -s prod.yaml", ASK),
        ("list components -s ue1-*", ASK),
        ("list components -s {ue1-dev,ue1-prod}", ASK),
        ("describe stacks", ASK),
        ("version", ALLOW),
        ("my-own-command", ASK),
    ],
)
def test_the_stack_of_an_atmos_command_decides(arguments: str, kind: DecisionKind) -> None:
    decision = decided(ATMOS, {"arguments": arguments.split()}, PROD, mode=Mode.ALLOW)
    assert decision.kind is kind
    assert decided(ATMOS, {"arguments": arguments.split()}, PROD, yolo=True).kind is kind


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("atmos terraform plan vpc -s $STACK", ASK),
        ("atmos terraform plan vpc -s ue1-dev && atmos terraform plan vpc -s ue1-prod", DENY),
        ("cd components/terraform/vpc && terraform apply", ASK),
        ("python deploy.py", ASK),
        ("./deploy.sh", ASK),
        ("ls", ALLOW),
        ("terraform version", ALLOW),
        ("terraform fmt", ALLOW),
    ],
)
def test_a_command_whose_stack_cannot_be_told_asks_where_a_rule_may_deny_it(command: str, kind: DecisionKind) -> None:
    assert of_command(command, PROD, yolo=True) is kind


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"stack": "ue1-prod"}, DENY),
        ({"stack": "ue1-dev"}, ALLOW),
        ({}, ASK),
        ({"stack": ""}, ASK),
        ({"stack": 3}, ASK),
        ({"stack": "orgs/prod"}, ASK),
        ({"stack": "*"}, ASK),
        ({"stack": "ue1-p??d"}, ASK),
        ({"stack": "ue1-[a-z]*"}, ASK),
        ({"stack": "ue1-prod,ue1-dev"}, ASK),
        ({"stack": "ue1-*-prod"}, DENY),
    ],
)
def test_the_stack_of_a_call_decides(values: Mapping[str, Any], kind: DecisionKind) -> None:
    assert decided(PLAN, values, PROD, mode=Mode.ALLOW).kind is kind


def test_a_call_that_is_about_no_stack_is_none_of_a_rule_for_stacks() -> None:
    assert decided(file_tool(), {"path": "a"}, PROD).kind is ALLOW


def test_a_rule_that_allows_needs_to_be_sure_of_stack_and_component() -> None:
    allow = rule(ALLOW, stacks=("ue1-*", "uw2-dev"), components=("vpc",))
    assert decided(PLAN, {"stack": "ue1-prod", "component": "vpc"}, allow).kind is ALLOW
    for values in (
        {"stack": "uw2-prod", "component": "vpc"},
        {"stack": "ue1-dev"},
        {"component": "vpc"},
        {"stack": "ue1-*", "component": "vpc"},
        {"stack": "ue1-dev", "component": "vpc*"},
    ):
        assert decided(PLAN, values, allow).kind is ASK
    commands = dataclasses.replace(allow, commands=("atmos terraform apply *",))
    for command, kind in (
        ("atmos terraform apply vpc -s ue1-dev", ALLOW),
        ("atmos terraform apply vpc -s ue1-dev -s uw2-prod", ASK),
        ("atmos terraform apply vpc eks -s ue1-dev", ASK),
        ("atmos terraform apply -s ue1-dev", ASK),
        ("atmos terraform apply ./vpc -s ue1-dev", ASK),
        ("atmos terraform apply vpc", ASK),
    ):
        assert of_command(command, commands) is kind, command


@pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("atmos terraform plan database -s ue1-dev", DENY),
        ("atmos terraform plan vpc -s ue1-dev", ALLOW),
        ("atmos terraform plan vpc database -s ue1-dev", DENY),
        ("atmos terraform plan --all -s ue1-dev", ASK),
        ("atmos terraform plan ./components/terraform/database -s ue1-dev", ASK),
        ("atmos terraform plan $X -s ue1-dev", ASK),
        ("terraform plan", ASK),
        ("ls database", ALLOW),
    ],
)
def test_the_component_of_a_command_decides(command: str, kind: DecisionKind) -> None:
    assert of_command(command, rule(components=("data*",)), yolo=True) is kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("stacks/prod.yaml", DENY),
        ("stacks", DENY),
        ("Stacks/PROD.yaml", DENY),
        ("stacks/deploy/prod.yaml", DENY),
        ("other.yaml", ALLOW),
        ("/etc/stacks/x", ALLOW),
    ],
)
def test_the_path_of_a_call_decides(path: str, kind: DecisionKind) -> None:
    assert decided(file_tool(), {"path": path}, rule(paths=("stacks/**",))).kind is kind


@pytest.mark.parametrize(
    ("folder", "glob", "kind"),
    [
        (".", "stacks/prod/*", ASK),
        ("stacks", "stacks/prod/*", ASK),
        ("stacks/prod", "stacks/prod/*", ASK),
        ("stacks/dev", "stacks/prod/*", ALLOW),
        ("stacks/p", "stacks/prod/*", ALLOW),
        (".", "*.tfvars", ASK),
        ("stacks", "*.tfvars", ASK),
        ("stacks/dev", "stacks/**/prod.yaml", ASK),
        ("docs", "stacks/**/prod.yaml", ALLOW),
        ("stacks", "stacks/prod.yaml", ASK),
        ("stacks/prod.yaml/x", "stacks/prod.yaml", ALLOW),
        ("/etc", "stacks/*", ALLOW),
        ("/etc", "/etc/ssl/*", ASK),
        ("/", "/etc/ssl/*", ASK),
    ],
)
def test_a_folder_stands_for_what_is_in_it(folder: str, glob: str, kind: DecisionKind) -> None:
    assert decided(file_tool(is_folder=True), {"path": folder}, rule(paths=(glob,))).kind is kind


def test_a_rule_that_allows_needs_every_path() -> None:
    write = dataclasses.replace(
        SHELL,
        name="file_write",
        demand_of=lambda values: Demand(effect=Effect.WRITE, requires_permission=True, paths=values["paths"]),
    )
    allow = rule(ALLOW, tools=("file_*",), paths=("stacks/**", "docs/*"))
    for paths, kind in (
        (("stacks/a.yaml",), ALLOW),
        (("stacks/a.yaml", "docs/x"), ALLOW),
        (("stacks/a.yaml", "main.tf"), ASK),
        (("Stacks/a.yaml",), ASK),
        ((), ASK),
    ):
        assert decided(write, {"paths": paths}, allow).kind is kind, paths


@pytest.mark.parametrize("decision", [ASK, DENY])
def test_the_effect_of_a_call_decides(decision: DecisionKind) -> None:
    writes = rule(decision, effects=(Effect.WRITE, Effect.EXECUTE))
    assert decided(PLAN, {}, writes, allowed=entries("*")).kind is decision
    assert decided(file_tool(), {"path": "a"}, writes).kind is ALLOW
    assert decided(PLAN, {}, rule(ALLOW, effects=(Effect.READ,))).kind is ASK


def test_a_rule_holds_for_the_tools_that_it_names_also_by_the_names_of_atmos() -> None:
    assert decided(PLAN, {}, rule(tools=("atmos_*",)), yolo=True).kind is DENY
    assert decided(PLAN, {}, rule(tools=("file_*",)), yolo=True).kind is ALLOW
    assert decided(file_tool(), {"path": "a"}, rule(tools=("read_file",))).kind is DENY


def test_the_rows_of_rules_stand_in_their_order() -> None:
    deny, ask, allow = (rule(decision, tools=("*",)) for decision in (DENY, ASK, ALLOW))
    assert decided(PLAN, {}, allow, ask, deny, yolo=True).kind is DENY
    assert decided(PLAN, {}, allow, ask, yolo=True).kind is ALLOW
    assert decided(PLAN, {}, allow, ask, mode=Mode.ALLOW).kind is ASK
    assert decided(PLAN, {}, allow, blocked=entries("*")).kind is DENY
    assert decided(PLAN, {}, allow, read_only=True).kind is DENY
    assert decided(PLAN, {}, allow, restricted=entries("*")).kind is ALLOW
    assert decided(PLAN, {}, allow, restricted=entries("*"), precedence=Precedence.STRICTEST).kind is ASK
    assert decided(PLAN, {}, allow, mode=Mode.DENY).kind is ALLOW


def test_the_rules_of_an_organisation_ask_under_yolo_too() -> None:
    ask = rule(ASK, tools=("*",), reason="call the owner", is_managed=True)
    decision = decided(PLAN, {}, ask, yolo=True)
    assert (decision.kind, decision.reason) == (ASK, "call the owner")
    assert decision.rule.text == "managed policy: ask tools *"
    assert decided(PLAN, {}, ask, blocked=entries("*")).kind is DENY


def test_a_decision_carries_the_rule_with_file_and_line_and_those_that_lost() -> None:
    ask = rule(ASK, tools=("atmos_*",), stacks=("*-prod",), reason="needs a ticket")
    decision = decided(PLAN, {"stack": "ue1-prod"}, ask, rule(ALLOW, tools=("*",)), allowed=entries("*"))
    assert (decision.kind, decision.reason, decision.can_remember) == (ASK, "needs a ticket", False)
    assert decision.rule.text == "ai.permissions.rules: ask tools atmos_*; stacks *-prod"
    assert (decision.rule.file, decision.rule.line) == ("atmos.yaml", 7)
    assert [lost.text for lost in decision.lost] == [
        "ai.tools.allowed: *",
        "ai.permissions.rules: allow tools *",
        "tools that need permission ask",
    ]


def test_a_doubt_is_told_with_the_reason_of_the_rule() -> None:
    prod = dataclasses.replace(PROD, reason="ask the owner")
    assert decided(PLAN, {}, prod).reason == "the stack cannot be told, so a rule that denies may hold: ask the owner"
    ask = rule(ASK, components=("x",))
    assert decided(PLAN, {}, ask).reason == "the component cannot be told, so a rule that asks may hold"


def test_a_rule_that_denies_every_call_of_a_tool_hides_it() -> None:
    for each, hidden in (
        (rule(tools=("atmos_*",)), True),
        (rule(tools=("file_*",)), False),
        (rule(tools=("atmos_*",), stacks=("*",)), False),
        (rule(ASK, tools=("atmos_*",)), False),
    ):
        for yolo in (True, False):
            assert is_hidden(PLAN, PermissionSettings(rules=RuleBook([each]), yolo=yolo)) is hidden


def test_what_atmos_was_told_holds_for_its_tools() -> None:
    allowed: dict[str, Any] = {"atmos_allowed": entries(PLAN.name)}
    denied: dict[str, Any] = {"atmos_denied": entries("other", PLAN.name)}
    decision = decided(PLAN, {}, **allowed)
    assert (decision.kind, decision.rule.text) == (ALLOW, "permissions.allow: atmos_terraform_plan")
    assert decided(PLAN, {}, **denied, **allowed, mode=Mode.ALLOW).kind is DENY
    assert decided(PLAN, {}, **denied, yolo=True).kind is ALLOW
    assert decided(PLAN, {}, atmos_allowed=entries("*")).kind is ASK, "Atmos compares whole names"
    assert is_hidden(PLAN, PermissionSettings(**denied))
    assert not is_hidden(PLAN, PermissionSettings(**denied, yolo=True))
    assert decided(SHELL, {"command": "ls"}, atmos_allowed=entries(SHELL.name)).kind is ASK


def test_books_with_the_same_rules_are_equal() -> None:
    assert RuleBook([APPLY]) == RuleBook([APPLY])
    assert RuleBook([APPLY]) != RuleBook([PROD])
    assert hash(RuleBook([APPLY])) == hash(RuleBook([APPLY]))
    assert repr(RuleBook()) == "RuleBook(())"


def test_the_index_finds_what_a_search_finds() -> None:
    rules = [
        rule(stacks=("ue1-prod",)),
        rule(stacks=("ue1-*",)),
        rule(commands=("terraform plan *", "ls")),
        rule(commands=("* plan",)),
        rule(tools=("x",)),
    ]
    values = {"command": "atmos terraform plan -s ue1-prod; ls"}
    found = RuleBook(rules)
    together = decided(SHELL, values, *rules)
    alone = [each for each in rules if decided(SHELL, values, each).rule == each.shown]
    assert [together.rule, *together.lost][: len(alone)] == [each.shown for each in alone]
    assert found.rules == tuple(rules)


def test_patterns_of_lists_and_rules_without_a_tool_are_found_with_their_place() -> None:
    settings = PermissionSettings(
        allowed=entries("atmos_*", "read_file"),
        blocked=entries("atmos_terraform_pla"),
        restricted=entries("docs__*"),
        atmos_denied=entries("gone"),
        rules=RuleBook([rule(tools=("file_read", "file_reed"))]),
    )
    found = unknown_patterns(settings, {PLAN.name, "file_read"}, prefixes=["docs__"])
    assert [(entry.pattern, entry.line) for entry in found] == [
        ("atmos_terraform_pla", 0),
        ("gone", 0),
        ("file_reed", 7),
    ]
