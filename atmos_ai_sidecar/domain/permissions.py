"""The decision whether a tool call may run: pure, total, explained.

The rows are those of the permission guide (docs/permissions.md); the first row that matches decides, and the rows
that matched too are reported as lost. Row 0 (the floor) holds what is forbidden outright; row 4 holds what asks each
time by itself, and the rules that ask.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any

from atmos_ai_sidecar.domain.calls import Call, call_of
from atmos_ai_sidecar.domain.decisions import ATMOS_NAMES, Decision, DecisionKind, ListEntry, Rule
from atmos_ai_sidecar.domain.grants import Grant, matching
from atmos_ai_sidecar.domain.rules import Found, PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import Effect, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass

__all__ = [
    "ATMOS_NAMES",
    "Decision",
    "DecisionKind",
    "ListEntry",
    "Mode",
    "PermissionSettings",
    "Precedence",
    "Rule",
    "decide",
    "is_hidden",
    "unknown_patterns",
]


class Mode(StrEnum):
    """What happens to a call that no list and no rule decides."""

    PROMPT = "prompt"
    ALLOW = "allow"
    DENY = "deny"


class Precedence(StrEnum):
    """Whether ``allowed`` (compatible) or ``restricted`` (strictest) wins for a tool on both lists."""

    COMPATIBLE = "compatible"
    STRICTEST = "strictest"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionSettings:
    """Everything that decides besides the call; pinned for a turn."""

    mode: Mode = Mode.PROMPT
    yolo: bool = False
    read_only: bool = False
    allowed: Sequence[ListEntry] = ()
    restricted: Sequence[ListEntry] = ()
    blocked: Sequence[ListEntry] = ()
    precedence: Precedence = Precedence.COMPATIBLE
    rules: RuleBook = RuleBook()
    atmos_allowed: Sequence[ListEntry] = ()
    """What people told Atmos' own assistant to allow always; holds for no command."""
    atmos_denied: Sequence[ListEntry] = ()
    grants: Sequence[Grant] = ()
    run_allowed: Sequence[ListEntry] = ()
    """What the caller of this run allows beside ``allowed``; it beats ``restricted`` under either precedence."""
    run_rules: RuleBook = RuleBook()
    """The commands that the caller of this run allows, likewise."""


_Row = tuple[DecisionKind, str, Rule]


def decide(tool: Tool, values: Mapping[str, Any], settings: PermissionSettings, *, session_id: str = "") -> Decision:
    """The decision for one call, with the rule that won and those that lost.

    Never raises; the last row matches everything, so there is always a decision.
    """
    return _Deciding(tool, values, settings, session_id).decision()


def is_hidden(tool: Tool, settings: PermissionSettings) -> bool:
    """Whether every call of the tool would be denied, so that the model need not see it."""
    if settings.rules.denies_all(tool.name):
        return True
    is_blocked = any(entry.matches(tool.name) for entry in settings.blocked)
    if settings.yolo:
        return is_blocked and settings.precedence is Precedence.STRICTEST
    return (
        is_blocked
        or any(entry.matches(tool.name) for entry in settings.atmos_denied)
        or any(
            grant.tool == tool.name and not grant.allow and not grant.input and not grant.session_id
            for grant in settings.grants
        )
    )


def unknown_patterns(
    settings: PermissionSettings, names: Collection[str], *, prefixes: Sequence[str] = ()
) -> Sequence[ListEntry]:
    """The patterns of lists and rules that match no tool.

    Args:
        settings: Where they are written.
        names: The tools that there are.
        prefixes: What the names begin with of tools that may come later.
    """
    lists = (settings.allowed, settings.restricted, settings.blocked, settings.atmos_allowed, settings.atmos_denied)
    of_rules = (
        ListEntry(pattern=pattern, file=rule.file, line=rule.line)
        for rule in settings.rules.rules
        for pattern in rule.tools
    )
    return [
        entry
        for entry in (*chain.from_iterable(lists), *of_rules)
        if not any(map(entry.matches, names)) and not entry.pattern.startswith(tuple(prefixes))
    ]


_EFFECTS = {
    Effect.READ: "the tool may read more than the project's configuration",
    Effect.WRITE: "the tool changes files",
    Effect.EXECUTE: "the tool runs programs",
    Effect.NETWORK: "the tool talks to other machines",
}
_EVERY_TIME = "built in: asks each time"


class _Deciding:
    """One decision in the making: each method gives the rows of one step, in their order."""

    def __init__(self, tool: Tool, values: Mapping[str, Any], settings: PermissionSettings, session_id: str) -> None:
        self.tool = tool
        self.settings = settings
        self.demand = demand = tool.demand(values)
        self.grants = matching(settings.grants, tool, values, demand, session_id)
        self.call: Call = call_of(tool, values, demand)
        found = settings.rules.against(self.call)
        self.denying = [each for each in found if each.rule.decision is DecisionKind.DENY and not each.doubt]
        self.asking = [each for each in found if each not in self.denying]

    def decision(self) -> Decision:
        rows = list(self.rows())
        kind, reason, rule = rows[0]
        return Decision(
            kind=kind,
            reason=reason,
            rule=rule,
            lost=tuple(dict.fromkeys(row[2] for row in rows[1:])),
            can_remember=self._can_remember(),
        )

    def rows(self) -> Iterator[_Row]:
        settings = self.settings
        is_strict = settings.precedence is Precedence.STRICTEST
        yield from self._floor()
        if is_strict:
            yield from self._blocks()
        if settings.yolo:
            # Rules that may deny, and those of the organisation, hold under YOLO too.
            yield from self._questions(
                each for each in self.asking if each.rule.decision is DecisionKind.DENY or each.rule.is_managed
            )
            yield DecisionKind.ALLOW, "YOLO mode allows everything", Rule(text="ai.tools.yolo_mode or --yolo")
        if not is_strict:
            yield from self._blocks()
        yield from self._denials()
        yield from self._questions(self.asking)
        if self.demand.must_ask:
            yield DecisionKind.ASK, self.demand.must_ask, Rule(text=_EVERY_TIME)
        if settings.mode is Mode.ALLOW:
            yield DecisionKind.ALLOW, "confirmation is switched off", Rule(text="ai.tools.require_confirmation: false")
        yield from self._run_allowances()
        steps = [self._allowances(), self._restrictions()]
        for step in reversed(steps) if is_strict else steps:
            yield from step
        yield from self._defaults()

    def _floor(self) -> Iterator[_Row]:
        if self.demand.forbidden:
            yield DecisionKind.DENY, self.demand.forbidden, Rule(text="built in: the floor")
        for each in self.denying:
            yield DecisionKind.DENY, each.rule.reason or "a rule denies it", each.rule.shown

    def _blocks(self) -> Iterator[_Row]:
        for entry in self.settings.blocked:
            if entry.matches(self.tool.name):
                yield DecisionKind.DENY, "the tool is blocked", _listed("blocked", entry)

    def _denials(self) -> Iterator[_Row]:
        for grant in self.grants:
            if not grant.allow:
                yield DecisionKind.DENY, "a remembered answer rejects it", Rule(text=grant.text)
        for entry in self.settings.atmos_denied:
            if entry.matches(self.tool.name):
                yield DecisionKind.DENY, "Atmos was told to deny it always", _answered("deny", entry)
        if self.settings.read_only and self.demand.effect is not Effect.READ:
            yield DecisionKind.DENY, "this run is read-only", Rule(text="--read-only")

    def _questions(self, asking: Iterable[Found]) -> Iterator[_Row]:
        for each in asking:
            is_denial = each.rule.decision is DecisionKind.DENY
            doubt = f"{each.doubt} cannot be told, so a rule that {'denies' if is_denial else 'asks'} may hold"
            reason = f"{doubt}: {each.rule.reason}" if each.doubt and each.rule.reason else each.rule.reason
            # Where what is not allowed is denied, a rule that denies must not open a door by asking.
            kind = DecisionKind.DENY if is_denial and self.settings.mode is Mode.DENY else DecisionKind.ASK
            yield kind, reason or (doubt if each.doubt else "a rule asks"), each.rule.shown

    def _run_allowances(self) -> Iterator[_Row]:
        listed = [entry for entry in self.settings.run_allowed if entry.matches(self.tool.name)]
        for entry in [] if self._needs_exact_consent else listed:
            yield DecisionKind.ALLOW, "this run allows the tool", Rule(text=f"--allow {entry.pattern}")
        for rule in self._allowing(self.settings.run_rules, is_listed=bool(listed)):
            shown = ", ".join(f"{tool}({words})" for tool in rule.tools for words in rule.commands)
            yield DecisionKind.ALLOW, "this run allows the command", Rule(text=f"--allow {shown}")

    @property
    def _needs_exact_consent(self) -> bool:
        command_class = self.demand.command_class
        return command_class is not None and command_class.needs_exact_consent

    def _allowances(self) -> Iterator[_Row]:
        command_class, needs_exact = self.demand.command_class, self._needs_exact_consent
        listed = [entry for entry in self.settings.allowed if entry.matches(self.tool.name)]
        for entry in [] if needs_exact else listed:
            yield DecisionKind.ALLOW, "the tool is on the allowed list", _listed("allowed", entry)
        for entry in self.settings.atmos_allowed if command_class is None else ():
            if entry.pattern == self.tool.name:
                yield DecisionKind.ALLOW, "Atmos was told to allow it always", _answered("allow", entry)
        for rule in self._allowing(self.settings.rules, is_listed=bool(listed)):
            yield DecisionKind.ALLOW, rule.reason or "a rule allows it", rule.shown
        for grant in self.grants:
            if grant.allow and (grant.input or not needs_exact):
                yield DecisionKind.ALLOW, "a remembered answer allows it", Rule(text=grant.text)

    def _allowing(self, book: RuleBook, *, is_listed: bool) -> Sequence[PermissionRule]:
        """The rules that allow the call: each command of it needs one, or to be harmless and on the allowed list."""
        if self.call.is_open:
            return ()
        rules = [book.allowing(self.call, part) for part in self.call.parts]
        harmless = [
            part.command_class is not None and not part.command_class.needs_exact_consent for part in self.call.parts
        ]
        if all(found or (is_listed and is_harmless) for found, is_harmless in zip(rules, harmless, strict=True)):
            return tuple(dict.fromkeys(rule for found in rules for rule in found))
        return ()

    def _restrictions(self) -> Iterator[_Row]:
        for entry in self.settings.restricted:
            if entry.matches(self.tool.name):
                yield DecisionKind.ASK, "the tool is on the restricted list", _listed("restricted", entry)
        if self.tool.restricted:
            yield DecisionKind.ASK, "the tool asks every time", Rule(text=f"{self.tool.name}: restricted")

    def _defaults(self) -> Iterator[_Row]:
        demand = self.demand
        if not demand.requires_permission:
            reads = demand.effect is Effect.READ
            reason = "the tool only reads inside the project" if reads else "the tool needs no permission for this"
            yield DecisionKind.ALLOW, reason, Rule(text=f"{self.tool.name}: needs no permission")
        if self.settings.mode is Mode.DENY:
            yield DecisionKind.DENY, "tools that need permission are denied", Rule(text="ai.tools.mode: deny")
        reason = f"{_EFFECTS[demand.effect]}, and no rule allows it"
        yield DecisionKind.ASK, reason, Rule(text="tools that need permission ask")

    def _can_remember(self) -> bool:
        """Whether a remembered answer would be found before anything asks again."""
        demand, command_class = self.demand, self.demand.command_class
        asks_again = (
            self.asking
            or demand.must_ask
            or self.tool.restricted
            or any(entry.matches(self.tool.name) for entry in self.settings.restricted)
        )
        return demand.can_remember and not asks_again and (command_class is None or command_class.can_remember)


def _listed(name: str, entry: ListEntry) -> Rule:
    return Rule(text=f"ai.tools.{name}: {entry.pattern}", file=entry.file, line=entry.line)


def _answered(name: str, entry: ListEntry) -> Rule:
    return Rule(text=f"permissions.{name}: {entry.pattern}", file=entry.file, line=entry.line)
