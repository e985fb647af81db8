"""What holds for every set of rules and every call."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess
from atmos_ai_sidecar.domain.decisions import DecisionKind, ListEntry
from atmos_ai_sidecar.domain.permissions import Mode, PermissionSettings, Precedence, decide
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import Effect, Tool
from tests.corpus import read_commands
from tests.domain.commands.test_metamorphic import SPACES, SPELLINGS, WRAPS, Change
from tests.domain.test_rules import ATMOS, PLAN, SHELL, file_tool

ALLOW, ASK, DENY = DecisionKind.ALLOW, DecisionKind.ASK, DecisionKind.DENY
STRICTNESS = [ALLOW, ASK, DENY]
PARSE = TreeSitterCommandParser().parse

COMMANDS = [
    "ls", "terraform plan", "terraform apply tfplan", "terraform -chdir=x destroy", "ls && terraform apply",
    "sudo env A=1 terraform apply", "atmos terraform deploy vpc -s ue1-prod", "atmos terraform plan vpc -s $S",
    "kubectl get secret", "$X apply", "bash -c 'terraform apply'", "cat a | head", "ls )", "python x.py", "rm -rf .git",
]  # fmt: skip
Called = tuple[Tool, Mapping[str, Any]]
CALLS: st.SearchStrategy[Called] = st.one_of(
    st.sampled_from(COMMANDS).map(lambda command: (SHELL, {"command": command, "paths": ("stacks/a", "x")})),
    st.sampled_from(["terraform plan vpc -s ue1-prod", "terraform apply vpc", "ai chat", "version"]).map(
        lambda arguments: (ATMOS, {"arguments": arguments.split()})
    ),
    st.fixed_dictionaries(
        {}, optional={"stack": st.sampled_from(["ue1-prod", "ue1-dev", "orgs/x"]), "component": st.just("vpc")}
    ).map(lambda values: (PLAN, values)),
    st.sampled_from(["stacks/prod.yaml", "stacks", "main.tf", "/etc/hosts"]).map(
        lambda path: (file_tool(is_folder=path == "stacks"), {"path": path})
    ),
)


def some(*patterns: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(patterns), max_size=2, unique=True).map(tuple)


RULES = st.builds(
    PermissionRule,
    decision=st.sampled_from(DecisionKind),
    tools=some("*", "execute_*", "atmos_*", "file_read", "read_file", "other"),
    stacks=some("*", "*-prod", "ue1-dev"),
    components=some("*", "vpc", "database"),
    commands=some("*", "terraform apply *", "terraform *", "ls", "atmos *", "* apply *", "rm *"),
    paths=some("**", "stacks/**", "*.tf", "/etc/*"),
    effects=st.lists(st.sampled_from(Effect), max_size=2, unique=True).map(tuple),
    is_managed=st.booleans(),
)
LISTS = st.sampled_from(["*", "execute_*", "atmos_*", "other"]).map(lambda pattern: (ListEntry(pattern=pattern),))
SETTINGS = st.builds(
    PermissionSettings,
    mode=st.sampled_from(Mode),
    yolo=st.booleans(),
    read_only=st.booleans(),
    precedence=st.sampled_from(Precedence),
    allowed=st.one_of(st.just(()), LISTS),
    restricted=st.one_of(st.just(()), LISTS),
    blocked=st.one_of(st.just(()), LISTS),
    rules=st.lists(RULES, max_size=4).map(RuleBook),
)


def with_rule(policy: PermissionSettings, rule: PermissionRule, position: int) -> PermissionSettings:
    rules = [*policy.rules.rules]
    rules.insert(position, rule)
    return dataclasses.replace(policy, rules=RuleBook(rules))


@settings(max_examples=400, deadline=None)
@given(CALLS, SETTINGS, RULES, st.integers(0, 4))
def test_one_more_rule_that_denies_makes_nothing_looser(
    call: Called, policy: PermissionSettings, rule: PermissionRule, position: int
) -> None:
    before = decide(*call, policy)
    after = decide(*call, with_rule(policy, dataclasses.replace(rule, decision=DENY), position))
    assert STRICTNESS.index(after.kind) >= STRICTNESS.index(before.kind)


@settings(max_examples=400, deadline=None)
@given(CALLS, SETTINGS, RULES, st.integers(0, 4))
def test_one_more_rule_that_allows_changes_no_denial_and_no_question_of_a_rule(
    call: Called, policy: PermissionSettings, rule: PermissionRule, position: int
) -> None:
    before = decide(*call, policy)
    after = decide(*call, with_rule(policy, dataclasses.replace(rule, decision=ALLOW), position))
    is_default = before.rule.text in {"ai.tools.mode: deny", "tools that need permission ask"}
    is_listed = before.rule.text.startswith("ai.tools.restricted")
    if before.kind is ALLOW:
        assert after.kind is ALLOW
    elif not is_default and not is_listed:
        assert (after.kind, after.rule, after.reason) == (before.kind, before.rule, before.reason)


@settings(max_examples=300, deadline=None)
@given(CALLS, SETTINGS)
def test_every_rule_that_has_a_say_is_told_once_and_one_wins(call: Called, policy: PermissionSettings) -> None:
    decision = decide(*call, policy)
    assert decision.reason
    assert len(set(decision.lost)) == len(decision.lost)


def denied_commands() -> list[tuple[str, PermissionRule]]:
    """Commands of the corpus with a rule that denies just them."""
    found = []
    for row in read_commands():
        assessment = assess(row.command, PARSE)
        if len(assessment.commands) != 1 or assessment.is_open or not assessment.commands[0].program:
            continue
        command = assessment.commands[0]
        if row.command.split()[0] != command.argv[0]:
            continue
        pattern = " ".join([command.program, *command.subcommands, "*"])
        if not any(sign in pattern[:-1] for sign in "*?["):
            found.append((row.command, PermissionRule(decision=DENY, commands=(pattern,))))
    return found


DENIED = denied_commands()
PREFIXES = [change for change in WRAPS if re.fullmatch(r"(?!if )[\w. -]+ x", change("x"))]
"""Programs that run another; before anything that is no program's name stands in front of the command."""
AROUND = [change for change in WRAPS if change not in PREFIXES and "=" not in change("x")]
YOLO = PermissionSettings(yolo=True)


def test_a_rule_for_a_command_of_the_corpus_denies_it() -> None:
    assert len(DENIED) > 300
    for command, rule in DENIED:
        assert decide(SHELL, {"command": command}, with_rule(YOLO, rule, 0)).kind is DENY, command


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(DENIED),
    st.lists(st.sampled_from(SPELLINGS), max_size=1),
    st.lists(st.sampled_from(PREFIXES), max_size=2),
    st.lists(st.sampled_from(AROUND + SPACES), max_size=2),
)
def test_no_way_of_writing_a_command_escapes_a_rule_also_under_yolo(
    denied: tuple[str, PermissionRule], spellings: list[Change], prefixes: list[Change], around: list[Change]
) -> None:
    command, rule = denied
    for change in (*spellings, *prefixes, *around):
        command = change(command)
    assume(command.count("`") <= 2)
    assert decide(SHELL, {"command": command}, with_rule(YOLO, rule, 0)).kind is not ALLOW, command
