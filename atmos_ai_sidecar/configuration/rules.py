"""Reads permission rules: of the project, and of the organisation's policy. A rule that is not understood stops it."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from atmos_ai_sidecar.configuration.answers import Unevaluated
from atmos_ai_sidecar.configuration.nodes import ListNode, Node, Scalar, is_empty, walked
from atmos_ai_sidecar.configuration.reader import Reading, Section, wrong_type
from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.rule_examples import RuleExample
from atmos_ai_sidecar.domain.rules import PermissionRule
from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_CONDITIONS = ("tools", "stacks", "components", "commands", "paths", "effects")
RULE_KEYS = ("decision", *_CONDITIONS, "reason", "examples")
_EFFECTS = {str(effect): effect for effect in Effect}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of one place, in the order in which they are written."""

    rules: Sequence[PermissionRule] = ()
    examples: Sequence[RuleExample] = ()
    """What was written to hold for the rules; whoever has a parser of commands has to check it."""


def read_rules(node: Node | None, path: str, directory: Path, *, is_managed: bool = False) -> Rules:
    """The rules of a list.

    Args:
        node: The list; None when there is none.
        path: What people call it.
        directory: The project's folder: paths in rules are relative to it, and files are named relative to it.
        is_managed: They come from the organisation's policy.

    Raises:
        ConfigurationInvalidError: A rule has an unknown key, a wrong type, no decision or no condition.
    """
    if node is None or is_empty(node):
        return Rules()
    if not isinstance(node, ListNode) or node.tag:
        raise wrong_type(node, path, "a list of rules")
    reading = Reading(directory=directory)
    rules: list[PermissionRule] = []
    examples: list[RuleExample] = []
    for index, item in enumerate(node.items):
        if isinstance(item, Scalar):
            raise wrong_type(item, f"{path}[{index}]", "a rule such as {decision: ask, tools: [...]}")
        section = Section(item, f"{path}[{index}]", reading).only(*RULE_KEYS)
        rule = replace(_rule(section, item, reading), is_managed=is_managed)
        rules.append(rule)
        examples += _examples(section.section("examples").only("match", "not_match"), rule)
    return Rules(rules=tuple(rules), examples=tuple(examples))


def _rule(section: Section, item: Node, reading: Reading) -> PermissionRule:
    for path, node in walked(item, section.path):
        if node.tag:
            # A rule whose conditions are known only later would hold for other calls meanwhile.
            raise Unevaluated(setting=path, tag=node.tag, origin=node.origin).error()
    conditions = {name: _patterns(section, name) for name in _CONDITIONS}
    if not any(conditions.values()):
        raise _invalid(f"{section.path} has no condition.", item, f"Write one of {', '.join(_CONDITIONS)}.")
    unknown = [word for word in conditions["effects"] if word not in _EFFECTS]
    if unknown:
        raise _invalid(f"{section.path}.effects: expected some of {', '.join(_EFFECTS)}.", item, "")
    if any(path.startswith("~") for path in conditions["paths"]):
        raise _invalid(f"{section.path}.paths: `~` is not understood.", item, "Write the whole path.")
    if section.scalar("decision") is None:
        raise _invalid(f"{section.path} has no decision.", item, "Write `decision: allow`, `ask` or `deny`.")
    return PermissionRule(
        decision=section.word("decision", DecisionKind.ASK),
        tools=conditions["tools"],
        stacks=conditions["stacks"],
        components=conditions["components"],
        commands=conditions["commands"],
        paths=tuple(_of_project(path, reading.directory) for path in conditions["paths"]),
        effects=tuple(_EFFECTS[word] for word in conditions["effects"]),
        reason=section.text("reason"),
        file=reading.relative(item.origin.file),
        line=item.origin.line,
    )


def _patterns(section: Section, name: str) -> Sequence[str]:
    node = section.node.get(name) if section.node else None
    if node is None:
        return ()
    patterns = tuple(entry.pattern for entry in section.entries(name))
    if not patterns or not all(pattern.strip() for pattern in patterns):
        raise _invalid(f"{section.path}.{name} has no pattern, or an empty one.", node, "Leave it out, or write `*`.")
    return patterns


def _examples(section: Section, rule: PermissionRule) -> Sequence[RuleExample]:
    return [
        RuleExample(rule=rule, text=entry.pattern, holds=holds, file=entry.file, line=entry.line)
        for name, holds in (("match", True), ("not_match", False))
        for entry in section.entries(name)
    ]


def _of_project(glob: str, directory: Path) -> str:
    """A glob as decisions know files: relative to the project's folder in there, else absolute."""
    if "/" not in glob:
        return glob
    ending = "/**" if glob.endswith("/") else ""
    path = os.path.normpath(directory / glob)
    return (os.path.relpath(path, directory) if Path(path).is_relative_to(directory) else path) + ending


def _invalid(problem: str, node: Node, remedy: str) -> ConfigurationInvalidError:
    return ConfigurationInvalidError(problem, file=node.origin.file, line=node.origin.line, remedy=remedy)
