"""`ai.permissions.rules`: read whole or not at all."""

import pytest

from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.rules import PermissionRule
from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.configuration.conftest import ProjectFolder

RULES = """\
ai:
  enabled: true
  permissions:
    rules:
      - decision: ask
        tools: ["execute_*", "atmos_terraform_*"]
        stacks: ["*-prod"]
        components: ["database"]
        commands: ["terraform apply *"]
        paths: ["stacks/**", "./docs/", "*.tfvars", "../shared/*", "/etc/ssl/**"]
        effects: [write, execute]
        reason: "Production needs a change ticket"
        examples: {match: ["terraform apply tfplan"], not_match: ["terraform plan"]}
      - {decision: deny, tools: file_write}
"""


def test_every_key_of_a_rule_is_read_with_its_line(project: ProjectFolder) -> None:
    project.write(RULES)
    config = project.load()
    first, second = config.permissions().rules.rules
    assert first == PermissionRule(
        decision=DecisionKind.ASK,
        tools=("execute_*", "atmos_terraform_*"),
        stacks=("*-prod",),
        components=("database",),
        commands=("terraform apply *",),
        paths=("stacks/**", "docs/**", "*.tfvars", f"{project.directory.parent}/shared/*", "/etc/ssl/**"),
        effects=(Effect.WRITE, Effect.EXECUTE),
        reason="Production needs a change ticket",
        file="atmos.yaml",
        line=5,
    )
    assert second == PermissionRule(decision=DecisionKind.DENY, tools=("file_write",), file="atmos.yaml", line=14)
    assert [(example.text, example.holds, example.line) for example in config.rule_examples] == [
        ("terraform apply tfplan", True, 13),
        ("terraform plan", False, 13),
    ]
    assert config.values["ai.permissions.rules"] == "2 in all"
    assert config.warnings == ()


def test_a_path_of_the_project_is_relative_however_it_is_written(project: ProjectFolder) -> None:
    project.write(f"ai: {{permissions: {{rules: [{{decision: deny, paths: ['{project.directory}/a/*']}}]}}}}")
    assert project.load().permissions().rules.rules[0].paths == ("a/*",)


@pytest.mark.parametrize(
    ("rules", "line", "words"),
    [
        ("yes", 4, "ai.permissions.rules: expected a list of rules, found text"),
        ("!exec date", 4, "!exec"),
        ("\n      - {decision: deny, tools: [x], stacks: !exec date}", 5, "!exec"),
        ("\n      - {decision: !store x, tools: [x]}", 5, "!store"),
        ("\n      - {decision: deny, tools: [!exec x]}", 5, "!exec"),
        ("[deny]", 4, "ai.permissions.rules[0]: expected a rule such as"),
        ("[[a]]", 4, "ai.permissions.rules[0]: expected a map, found a list"),
        ("\n      - decision: deny\n        tool: [x]", 6, "Did you mean `tools`?"),
        (
            "\n      - {decision: deny, tools: [x]}\n      - {decision: forbid, tools: [x]}",
            6,
            "one of allow, ask, deny",
        ),
        ("\n      - tools: [x]", 5, "ai.permissions.rules[0] has no decision"),
        ("\n      - decision: deny", 5, "ai.permissions.rules[0] has no condition"),
        ("\n      - {decision: deny, tools: []}", 5, "ai.permissions.rules[0].tools has no pattern"),
        ("\n      - {decision: deny, tools: ['']}", 5, "ai.permissions.rules[0].tools has no pattern"),
        ("\n      - {decision: deny, commands: [' ']}", 5, "ai.permissions.rules[0].commands has no pattern"),
        ("\n      - {decision: deny, tools: [3]}", 5, "ai.permissions.rules[0].tools: expected a list of names"),
        ("\n      - {decision: deny, tools: {a: b}}", 5, "ai.permissions.rules[0].tools: expected a list of names"),
        ("\n      - {decision: deny, effects: [destroy]}", 5, "expected some of read, write, execute, network"),
        ("\n      - {decision: deny, paths: ['~/x']}", 5, "`~` is not understood"),
        ("\n      - {decision: deny, tools: [x], reason: 3}", 5, "ai.permissions.rules[0].reason: expected text"),
        ("\n      - {decision: deny, tools: [x], examples: [a]}", 5, "examples: expected a map"),
        ("\n      - {decision: deny, tools: [x], examples: {matches: [a]}}", 5, "Did you mean `match`?"),
        ("\n      - {decision: deny, tools: [x}", 5, ""),
    ],
)
def test_a_rule_that_is_not_understood_stops_the_start_with_file_and_line(
    project: ProjectFolder, rules: str, line: int, words: str
) -> None:
    path = project.write(f"ai:\n  enabled: true\n  permissions:\n    rules: {rules}\n")
    with pytest.raises(ConfigurationInvalidError) as caught:
        project.load()
    assert (caught.value.file, caught.value.line) == (str(path), line)
    assert words in str(caught.value)


@pytest.mark.parametrize("rules", ["", "[]", "null"])
def test_no_rules_are_no_rules(project: ProjectFolder, rules: str) -> None:
    project.write(f"ai: {{permissions: {{rules: {rules}}}}}")
    assert project.load().permissions().rules.rules == ()


@pytest.mark.parametrize("rest", ["{}", "{precedence: strictest}", "{rules: [{decision: deny, tools: [b]}]}"])
def test_rules_of_both_spellings_count(project: ProjectFolder, rest: str) -> None:
    project.write(
        f"ai: {{permissions: {rest}}}\nsettings: {{ai: {{permissions: {{rules: [{{decision: deny, tools: [a]}}]}}}}}}"
    )
    tools = [rule.tools for rule in project.load().permissions().rules.rules]
    assert tools == ([("a",), ("b",)] if "rules" in rest else [("a",)])


def test_rules_that_allow_are_told_before_the_project_is_trusted(project: ProjectFolder) -> None:
    project.write(
        "ai:\n  permissions:\n    rules:\n      - {decision: allow, tools: [x]}\n      - {decision: deny, tools: [y]}\n"
    )
    claims = [(claim.setting, claim.value, claim.line) for claim in project.load().claims]
    assert claims == [("ai.permissions.rules", "allow tools x", 4)]
