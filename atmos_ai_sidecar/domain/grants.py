"""Grants: remembered answers, which calls they hold for, and the smallest one for a call."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from atmos_ai_sidecar.domain.tools import Demand, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A remembered answer: the smallest rule that covers the call it was given for."""

    tool: str
    allow: bool
    input: Mapping[str, Any] = field(default_factory=dict)
    """Parameters that must be equal: stack and component, the file that a path leads to, or the whole input."""
    session_id: str = ""
    """Empty: the whole project."""
    user: str = ""
    create_time: datetime | None = None

    def matches(self, tool: str, values: Mapping[str, Any], session_id: str) -> bool:
        if self.tool != tool or (self.session_id and self.session_id != session_id):
            return False
        return all(name in values and values[name] == value for name, value in self.input.items())

    @property
    def text(self) -> str:
        """The rule as a person reads it before it is stored."""
        where = ", ".join(f"{name} = {value}" for name, value in sorted(self.input.items()))
        return f"always {'allow' if self.allow else 'reject'} {self.tool}" + (f" where {where}" if where else "")


def matching(
    grants: Sequence[Grant], tool: Tool, values: Mapping[str, Any], demand: Demand, session_id: str
) -> Sequence[Grant]:
    """The grants that have a say in a call, in the order in which they were given."""
    located = _located(tool, values, demand)
    return [
        grant
        for grant in grants
        if grant.matches(tool.name, located, session_id) and (not grant.allow or _covers(grant, tool, located, demand))
    ]


def smallest_grant(tool: Tool, values: Mapping[str, Any], *, allow: bool) -> Grant:
    """The smallest rule that covers the call.

    It names stack and component and whatever else makes the call demand what it does; for a tool that works on one
    file that file, links followed; for any other the whole input.
    """
    demand = tool.demand(values)
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
    has_places = bool(tool.stack_parameter or tool.component_parameter or demand.target)
    return has_places or not grant.input or grant.input.keys() >= located.keys()


def _decides(tool: Tool, values: Mapping[str, Any], name: str) -> bool:
    """Whether the call would demand something else without that field."""
    without = {other: value for other, value in values.items() if other != name}
    return tool.demand(without) != tool.demand(values)
