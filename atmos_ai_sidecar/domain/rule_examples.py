"""Examples of rules: what somebody wrote to hold, or not to hold, checked before the rule decides about anything."""

from dataclasses import replace

from atmos_ai_sidecar.domain.calls import Call, Part, part_of
from atmos_ai_sidecar.domain.commands import Parse, assess
from atmos_ai_sidecar.domain.commands.spellings import Said
from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleExample:
    """One value for the first condition that a rule has of: commands, paths, stacks, components, tools."""

    rule: PermissionRule
    text: str
    holds: bool
    """What was expected."""
    file: str
    line: int


def is_right(example: RuleExample, parse: Parse) -> bool:
    """Whether the rule does with an example what was written; its other conditions are left aside."""
    return _holds(example.rule, example.text, parse) is example.holds


def _holds(rule: PermissionRule, text: str, parse: Parse) -> bool:
    bare = PermissionRule(decision=rule.decision)
    said = Said(values=(text,))
    if rule.commands:
        parts = [part_of(command) for command in assess(text, parse).commands]
        return _has_say(replace(bare, commands=rule.commands), _call(*parts))
    if rule.paths:
        return _has_say(replace(bare, paths=rule.paths), _call(Part(), path=text))
    if rule.stacks:
        return _has_say(replace(bare, stacks=rule.stacks), _call(Part(stacks=said)))
    if rule.components:
        return _has_say(replace(bare, components=rule.components), _call(Part(components=said)))
    return rule.is_for(text)


def _call(*parts: Part, path: str = "") -> Call:
    return Call(tool="", effect=Effect.READ, parts=parts, paths=(path,) if path else ())


def _has_say(rule: PermissionRule, call: Call) -> bool:
    book = RuleBook([rule])
    if rule.decision is DecisionKind.ALLOW:
        return bool(call.parts) and all(book.allowing(call, part) for part in call.parts)
    return any(not found.doubt for found in book.against(call)) if call.parts else False
