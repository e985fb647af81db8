"""The tool ``read_tool_output``: what was too long to be seen at once."""

import functools
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.application.ports.tool_outputs import ToolOutputs
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError

MOST_CHARACTERS = 25_000
"""Below what the executor would cut."""


def read_tool_output(outputs: ToolOutputs) -> Tool:
    """The tool, over the outputs that are kept. A session reads its own only."""
    return Tool(
        name="read_tool_output",
        description="Reads the whole output of an earlier call whose result was cut, piece by piece.",
        parameters=(
            Parameter(name="call", type="string", description="Id of the call, as its result names it.", required=True),
            Parameter(name="offset", type="integer", description="First character, from 0.", default=0),
            Parameter(name="limit", type="integer", description="Number of characters.", default=MOST_CHARACTERS),
        ),
        effect=Effect.READ,
        execute=functools.partial(_read, outputs),
        requires_permission=False,
        title="read the output of {call}[ from {offset}]",
    )


async def _read(outputs: ToolOutputs, values: Mapping[str, Any], execution: Execution) -> Result:
    offset, limit = int(values.get("offset", 0)), int(values.get("limit", MOST_CHARACTERS))
    if offset < 0:
        raise InvalidFieldError("offset", "must not be negative.")
    if limit < 1:
        raise InvalidFieldError("limit", "must be at least 1.")
    page = await outputs.read_output(
        execution.session_id, str(values["call"]), offset=offset, limit=min(limit, MOST_CHARACTERS)
    )
    if page is None:
        raise ToolExecutionFailedError(
            f"No output of the call {values['call']} is kept in this session.",
            remedy="Repeat the call, if it only reads.",
        )
    if offset >= page.total:
        raise InvalidFieldError("offset", f"the output has {page.total} characters.")
    end = offset + len(page.text)
    more = f"; go on with offset {end}" if end < page.total else ""
    told = f"(characters {offset:,} to {end:,} of {page.total:,}, printed by {page.tool}{more})"
    return Result(success=True, output=f"{page.text}\n{told}")
