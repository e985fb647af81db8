"""Grants: remembered answers, which calls they hold for, and the smallest one for a call."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import datetime, timedelta
from typing import Any

from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Tool
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_WITH_PREFIX = frozenset({CommandClass.READ, CommandClass.PLAN})
"""Commands of these classes are covered by their first words; any other by its whole text alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A remembered answer: the smallest rule that covers the call it was given for."""

    tool: str
    allow: bool
    input: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that must be equal: stack and component, the file that a path leads to, or the whole input."""
    command: Sequence[str] = ()
    """The first words of a command, as of ``demand.prefix``; empty: the command is a parameter like others."""
    command_class: CommandClass | None = None
    """With ``command``: what the command must be, so that no option makes more of it."""
    session_id: str = ""
    """Holds in this session only; empty: in the whole project."""
    id: str = ""
    """Names it for people; empty until it is stored."""
    user: str = ""
    from_session: str = ""
    """The session in which it was given; empty for one by hand."""
    create_time: datetime | None = None
    expire_time: datetime | None = None
    """From then on it holds for nothing; None: for ever."""
    uses: int = 0
    """How many calls it has decided."""

    def matches(self, tool: str, values: Mapping[str, Any], session_id: str) -> bool:
        if self.tool != tool or (self.session_id and self.session_id != session_id):
            return False
        return all(name in values and values[name] == value for name, value in self.input.items())

    def is_same_rule(self, other: "Grant") -> bool:
        """Whether both say the same about the same calls, whoever gave them."""
        return self.rule == other.rule

    @property
    def rule(self) -> tuple[object, ...]:
        """What it says, without who gave it and when."""
        return (self.tool, self.allow, dict(self.input), tuple(self.command), self.command_class, self.session_id)

    @property
    def text(self) -> str:
        """The rule as a person reads it before it is stored."""
        conditions = [f"{name} = {value}" for name, value in sorted(self.input.items())]
        if self.command:
            conditions.insert(0, f"command = {' '.join(self.command)} * ({self.command_class})")
        where = f" where {', '.join(conditions)}" if conditions else ""
        scope = " in this session" if self.session_id else ""
        return f"always {'allow' if self.allow else 'reject'} {self.tool}{where}{scope}"


def living(grants: Sequence[Grant], now: datetime) -> Sequence[Grant]:
    """Those that have not expired."""
    return tuple(grant for grant in grants if grant.expire_time is None or now < grant.expire_time)


def with_grant(grants: Sequence[Grant], grant: Grant) -> Sequence[Grant]:
    """The grants with another one, which takes the place of what said the same before."""
    return (*(known for known in grants if not known.is_same_rule(grant)), grant)


def deciding(grants: Sequence[Grant], rule_text: str, session_id: str) -> Grant | None:
    """The grant that a decision's winning rule is; None when it is another kind of rule."""
    return next(
        (grant for grant in grants if grant.text == rule_text and grant.session_id in {"", session_id}),
        None,
    )


def matching(
    grants: Sequence[Grant], tool: Tool, values: Mapping[str, Any], demand: Demand, session_id: str
) -> Sequence[Grant]:
    """The grants that have a say in a call, in the order in which they were given."""
    located = _located(tool, values, demand)
    return [
        grant
        for grant in grants
        if grant.matches(tool.name, located, session_id)
        and (_starts_alike(grant, demand) if not grant.allow else _covers(grant, tool, located, demand))
    ]


def smallest_grant(tool: Tool, values: Mapping[str, Any], *, allow: bool) -> Grant:
    """The smallest rule that covers the call.

    It names stack and component and whatever else makes the call demand what it does; for a tool that works on one
    file that file, links followed; for a command that reads or plans its first words; for any other the whole input.
    """
    demand = tool.demand(values)
    if demand.prefix and demand.command_class in _WITH_PREFIX:
        others = {name: value for name, value in values.items() if name != tool.command_parameter}
        return Grant(
            tool=tool.name, allow=allow, input=others, command=demand.prefix, command_class=demand.command_class
        )
    if demand.target and tool.path_parameters:
        return Grant(tool=tool.name, allow=allow, input={tool.path_parameters[0]: demand.target})
    places = {tool.stack_parameter, tool.component_parameter}
    named = {name: value for name, value in values.items() if name in places}
    if not named:
        return Grant(tool=tool.name, allow=allow, input=dict(values))
    decisive = {name: value for name, value in values.items() if name not in places and _decides(tool, values, name)}
    return Grant(tool=tool.name, allow=allow, input={**named, **decisive})


def _located(tool: Tool, values: Mapping[str, Any], demand: Demand) -> Mapping[str, Any]:
    """The input with the file that its path leads to, so that a grant cannot be led elsewhere by a link."""
    return {**values, tool.path_parameters[0]: demand.target} if demand.target and tool.path_parameters else values


def _covers(grant: Grant, tool: Tool, located: Mapping[str, Any], demand: Demand) -> bool:
    """Whether a grant holds for a call with these fields: where it is one for a whole input, no field may be added."""
    if grant.command:
        others = located.keys() - {tool.command_parameter}
        return grant.input.keys() == others and _starts_alike(grant, demand)
    has_places = bool(tool.stack_parameter or tool.component_parameter or demand.target)
    return has_places or not grant.input or grant.input.keys() >= located.keys()


def _starts_alike(grant: Grant, demand: Demand) -> bool:
    """Whether the call runs the command that the grant names, if it names one."""
    is_same = tuple(grant.command) == tuple(demand.prefix) and grant.command_class is demand.command_class
    return is_same or not grant.command


def _decides(tool: Tool, values: Mapping[str, Any], name: str) -> bool:
    """Whether the call would demand something else without that field."""
    without = {other: value for other, value in values.items() if other != name}
    return tool.demand(without) != tool.demand(values)


_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def lifetime(text: str) -> timedelta:
    """How long a grant shall hold, from ``30m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        InvalidFieldError: It is none of these.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise InvalidFieldError("expires", f"{text!r} is no time like 30m, 12h, 7d or 2w")
    return int(found[1]) * _UNITS[found[2]]
