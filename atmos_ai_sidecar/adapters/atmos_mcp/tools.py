"""Atmos' tools as ours: offered without starting anything, decided by the table, run by the kept server."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from atmos_ai_sidecar.adapters.atmos_mcp.kept_atmos import KeptAtmos
from atmos_ai_sidecar.adapters.atmos_mcp.rows import Base, PathParameter, Row
from atmos_ai_sidecar.adapters.atmos_mcp.table import TABLE
from atmos_ai_sidecar.adapters.local_tools.files.places import resolved
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionDeniedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_PLAIN = re.compile(r"\.?[A-Za-z0-9_/-]+(?:\.[A-Za-z0-9_/-]+|\[\d+\])*")
"""A path of keys and indexes; anything else may be an expression."""
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*::?//|[A-Za-z0-9+.-]+::")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where the paths of calls lead, and what is not for tools to change there."""

    territory: Territory
    base_path: str
    """Absolute, as all of these."""
    terraform_path: str
    is_own_setting: Callable[[Sequence[str]], bool]
    """Whether a path of keys in atmos.yaml leads to a setting that is for people only."""

    def base(self, base: Base) -> str:
        """Where relative paths start."""
        bases = {Base.BASE_PATH: self.base_path, Base.TERRAFORM: self.terraform_path}
        return bases.get(base, self.territory.directory)


class AtmosMcpTools:
    """The ToolSource of Atmos' own tools, those that we have none for."""

    problems: Sequence[str] = ()

    def __init__(self, atmos: KeptAtmos, ground: Ground) -> None:
        self._atmos = atmos
        self._tools = tuple(_tool(row, atmos, ground) for row in TABLE.values() if not row.hidden_by)

    async def tools(self) -> Sequence[Tool]:
        """Always the same tools; nothing is started for it."""
        return self._tools

    async def close(self) -> None:
        """Ends the server, if it was started."""
        await self._atmos.close()


def _tool(row: Row, atmos: KeptAtmos, ground: Ground) -> Tool:
    return Tool(
        name=row.name,
        description=row.description,
        parameters=row.parameters,
        effect=row.effect,
        requires_permission=row.asks,
        timeout_seconds=row.timeout_seconds,
        source="atmos mcp",
        stack_parameter=row.stack,
        component_parameter=row.component,
        path_parameters=tuple(path.name for path in row.paths),
        title=row.title,
        demand_of=partial(demand_of, row, ground),
        execute=partial(_execute, row, atmos, ground),
    )


async def _execute(
    row: Row, atmos: KeptAtmos, ground: Ground, values: Mapping[str, Any], execution: Execution
) -> Result:
    demand = demand_of(row, ground, values)
    if demand.forbidden or demand.target != execution.target:
        raise ToolExecutionDeniedError(
            demand.forbidden or "The file leads elsewhere than when the call was permitted.",
            remedy="Nothing was done.",
            tool=row.name,
        )
    return await atmos.call(
        row.name, _resolved_values(row, ground, values), execution, only_reads=row.effect is Effect.READ
    )


def demand_of(row: Row, ground: Ground, values: Mapping[str, Any]) -> Demand:
    """What a call demands, by its settings, its queries and the places that its paths lead to."""
    demand = Demand(
        effect=row.effect,
        requires_permission=row.asks,
        timeout_seconds=row.timeout_seconds,
        command_class=row.command_class,
        forbidden=_why_setting_forbidden(row, ground, values),
        must_ask=_why_queries_asked(row, values),
    )
    for number, parameter in enumerate(row.paths):
        demand = _with_path(demand, row, ground, parameter, values, is_first=number == 0)
    return demand


def _why_setting_forbidden(row: Row, ground: Ground, values: Mapping[str, Any]) -> str:
    """Why a setting may not be written; the floor of the file tools, by key."""
    if not row.key:
        return ""
    key = str(values.get(row.key, ""))
    if not _PLAIN.fullmatch(key):
        return f"a setting has to be named by a plain path such as logs.level, and {key!r} is none"
    if ground.is_own_setting(re.split(r"[.\[\]]+", key.strip(".]"))):
        return (
            f"no tool may change {key}: ai, settings.ai, mcp, commands, import and commands of components are for "
            "people to set"
        )
    return ""


def _why_queries_asked(row: Row, values: Mapping[str, Any]) -> str:
    for name in row.queries:
        query = values.get(name)
        if isinstance(query, str) and query and not _PLAIN.fullmatch(query):
            return f"{name} is an expression, which may read files and the environment"
    return ""


def _with_path(
    demand: Demand, row: Row, ground: Ground, parameter: PathParameter, values: Mapping[str, Any], *, is_first: bool
) -> Demand:
    """The demand, stricter where the path leads somewhere special. A URL is asked about."""
    given = values.get(parameter.name)
    if not isinstance(given, str) or not given:
        return demand
    if _URL.match(given):
        return dataclasses.replace(demand, must_ask=demand.must_ask or f"{parameter.name} is fetched from elsewhere")
    territory, writes = ground.territory, row.effect is Effect.WRITE
    try:
        path = _absolute(ground, parameter, given)
    except InvalidFieldError as error:
        return dataclasses.replace(demand, forbidden=demand.forbidden or f"{parameter.name} {error.problem}")
    why_not = territory.why_not_read(path) or (territory.why_not_written(path) if writes else "")
    if writes and not row.key and row.name != "atmos_config_format" and territory.is_configuration(path):
        why_not = why_not or "it configures Atmos; atmos_config_set changes what tools may change there"
    if why_not:
        why_not = f"no tool may touch {territory.shown(path)}: {why_not}"
    return dataclasses.replace(
        demand,
        forbidden=demand.forbidden or why_not,
        must_ask=demand.must_ask or territory.why_asked(path, writes=writes),
        target=territory.shown(path) if is_first else demand.target,
    )


def _resolved_values(row: Row, ground: Ground, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input with paths as they were decided about, where Atmos takes absolute ones."""
    changed = dict(values)
    for parameter in row.paths:
        given = values.get(parameter.name)
        if isinstance(given, str) and given and parameter.base is not Base.TERRAFORM and not _URL.match(given):
            changed[parameter.name] = _absolute(ground, parameter, given)
    return changed


def _absolute(ground: Ground, parameter: PathParameter, given: str) -> str:
    """Where a path leads, links followed. Atmos joins paths in components below its folder, absolute ones too."""
    base = ground.base(parameter.base)
    joined = f"{base}/{given}" if parameter.base is Base.TERRAFORM or not given.startswith("/") else given
    return resolved(joined)
