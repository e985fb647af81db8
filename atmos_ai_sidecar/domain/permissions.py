"""The decision whether a tool call may run: pure, total, explained.

The rows are those of the permission guide (docs/permissions.md); the first row that matches decides, and the rows
that matched too are reported as lost. Row 0 (the floor) holds what is forbidden outright; row 4 holds what asks each
time by itself.
"""

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from atmos_ai_sidecar.domain.grants import Grant, matching
from atmos_ai_sidecar.domain.tools import Demand, Effect, Tool

ATMOS_NAMES: Mapping[str, Sequence[str]] = {
    "file_read": ("read_file",),
    "file_edit": ("edit_file",),
    "file_search": ("search_files",),
    "file_write": ("write_stack_file", "write_component_file"),
    "file_list": ("list_component_files",),
}
"""What Atmos calls the tools that ours stand for: on a list, its names govern ours too."""


class Mode(StrEnum):
    """What happens to a call that no list and no rule decides."""

    PROMPT = "prompt"
    ALLOW = "allow"
    DENY = "deny"


class DecisionKind(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Precedence(StrEnum):
    """Whether ``allowed`` (compatible) or ``restricted`` (strictest) wins for a tool on both lists."""

    COMPATIBLE = "compatible"
    STRICTEST = "strictest"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListEntry:
    """A pattern on one of the lists, and where it was written."""

    pattern: str
    file: str = ""
    line: int = 0

    def matches(self, name: str) -> bool:
        """Exact unless wildcards are written; case-sensitive. Atmos' name of a tool of ours matches it too."""
        return any(fnmatch.fnmatchcase(known, self.pattern) for known in (name, *ATMOS_NAMES.get(name, ())))


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
    grants: Sequence[Grant] = ()
    run_allowed: Sequence[ListEntry] = ()
    """What the caller of this run allows beside ``allowed``; it beats ``restricted`` under either precedence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What had a say in a decision."""

    text: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    kind: DecisionKind
    reason: str
    rule: Rule
    lost: Sequence[Rule] = ()
    can_remember: bool = True
    """Whether "always" may be offered when the decision is to ask."""


_Row = tuple[DecisionKind, str, Rule]


def decide(tool: Tool, values: Mapping[str, Any], settings: PermissionSettings, *, session_id: str = "") -> Decision:
    """The decision for one call, with the rule that won and those that lost.

    Never raises; the last row matches everything, so there is always a decision.
    """
    demand = tool.demand(values)
    grants = matching(settings.grants, tool, values, demand, session_id)
    rows = list(_matching_rows(tool, demand, settings, grants))
    kind, reason, rule = rows[0]
    restricted = tool.restricted or any(entry.matches(tool.name) for entry in settings.restricted)
    can_remember = demand.command_class is None or demand.command_class.can_remember
    return Decision(
        kind=kind,
        reason=reason,
        rule=rule,
        lost=tuple(row[2] for row in rows[1:]),
        can_remember=can_remember and demand.can_remember and not restricted and not demand.must_ask,
    )


def is_hidden(tool: Tool, settings: PermissionSettings) -> bool:
    """Whether every call of the tool would be denied, so that the model need not see it."""
    is_blocked = any(entry.matches(tool.name) for entry in settings.blocked)
    if settings.yolo:
        return is_blocked and settings.precedence is Precedence.STRICTEST
    return is_blocked or any(
        grant.tool == tool.name and not grant.allow and not grant.input and not grant.session_id
        for grant in settings.grants
    )


def _matching_rows(tool: Tool, demand: Demand, settings: PermissionSettings, grants: Sequence[Grant]) -> Iterator[_Row]:
    yield from _denials(tool, demand, settings, grants)
    if demand.must_ask:
        yield DecisionKind.ASK, demand.must_ask, Rule(text="built in: asks each time")
    if settings.mode is Mode.ALLOW:
        yield DecisionKind.ALLOW, "confirmation is switched off", Rule(text="ai.tools.require_confirmation: false")
    for entry in settings.run_allowed:
        if not _needs_exact_consent(demand) and entry.matches(tool.name):
            yield DecisionKind.ALLOW, "this run allows the tool", Rule(text=f"--allow {entry.pattern}")
    steps = [_allowances(tool, demand, settings, grants), _restrictions(tool, settings)]
    for step in reversed(steps) if settings.precedence is Precedence.STRICTEST else steps:
        yield from step
    if not demand.requires_permission:
        yield (
            DecisionKind.ALLOW,
            "the tool only reads inside the project"
            if demand.effect is Effect.READ
            else "the tool needs no permission for this",
            Rule(text=f"{tool.name}: needs no permission"),
        )
    if settings.mode is Mode.DENY:
        yield DecisionKind.DENY, "tools that need permission are denied", Rule(text="ai.tools.mode: deny")
    yield (
        DecisionKind.ASK,
        f"{_EFFECTS[demand.effect]}, and no rule allows it",
        Rule(text="tools that need permission ask"),
    )


_EFFECTS = {
    Effect.READ: "the tool may read more than the project's configuration",
    Effect.WRITE: "the tool changes files",
    Effect.EXECUTE: "the tool runs programs",
    Effect.NETWORK: "the tool talks to other machines",
}


def _denials(tool: Tool, demand: Demand, settings: PermissionSettings, grants: Sequence[Grant]) -> Iterator[_Row]:
    if demand.forbidden:
        yield DecisionKind.DENY, demand.forbidden, Rule(text="built in: the floor")
    blocked = [entry for entry in settings.blocked if entry.matches(tool.name)]
    strict = settings.precedence is Precedence.STRICTEST
    deny = [(DecisionKind.DENY, "the tool is blocked", _listed("blocked", entry)) for entry in blocked]
    if strict:
        yield from deny
    if settings.yolo:
        yield DecisionKind.ALLOW, "YOLO mode allows everything", Rule(text="ai.tools.yolo_mode or --yolo")
    if not strict:
        yield from deny
    for grant in grants:
        if not grant.allow:
            yield DecisionKind.DENY, "a remembered answer rejects it", Rule(text=grant.text)
    if settings.read_only and demand.effect is not Effect.READ:
        yield DecisionKind.DENY, "this run is read-only", Rule(text="--read-only")


def _allowances(tool: Tool, demand: Demand, settings: PermissionSettings, grants: Sequence[Grant]) -> Iterator[_Row]:
    exact_only = _needs_exact_consent(demand)
    for entry in settings.allowed:
        if not exact_only and entry.matches(tool.name):
            yield DecisionKind.ALLOW, "the tool is on the allowed list", _listed("allowed", entry)
    for grant in grants:
        if grant.allow and (grant.input or not exact_only):
            yield DecisionKind.ALLOW, "a remembered answer allows it", Rule(text=grant.text)


def _needs_exact_consent(demand: Demand) -> bool:
    return demand.command_class is not None and demand.command_class.needs_exact_consent


def _restrictions(tool: Tool, settings: PermissionSettings) -> Iterator[_Row]:
    for entry in settings.restricted:
        if entry.matches(tool.name):
            yield DecisionKind.ASK, "the tool is on the restricted list", _listed("restricted", entry)
    if tool.restricted:
        yield DecisionKind.ASK, "the tool asks every time", Rule(text=f"{tool.name}: restricted")


def _listed(name: str, entry: ListEntry) -> Rule:
    return Rule(text=f"ai.tools.{name}: {entry.pattern}", file=entry.file, line=entry.line)
