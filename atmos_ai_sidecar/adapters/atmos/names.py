"""Names that come from the model: never taken for a flag, and explained when Atmos does not know them."""

import dataclasses
import difflib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import InvalidFieldError

WITHOUT_CODE = ("--process-functions=false", "--process-templates=false")
"""Otherwise list and describe run what `!exec`, `!terraform.output` and templates in stack files say."""

_MOST_NAMES = 50


def name(values: Mapping[str, Any], field: str) -> str:
    """The value of a field that is put on a command line.

    Raises:
        InvalidFieldError: It is empty or would be read as a flag.
    """
    return checked(field, values[field])


def checked(field: str, value: str) -> str:
    """The value itself.

    Raises:
        InvalidFieldError: It is empty, would be read as a flag, or has a character that no argument can have.
    """
    if not value or value.startswith("-") or "\0" in value:
        raise InvalidFieldError(field, f"must be a name that does not begin with a dash, but is {value!r}.")
    return value


async def explain_unknown(atmos: AtmosCommandLine, result: Result, values: Mapping[str, Any]) -> Result:
    """The result, and which stacks or components there are when a call failed that named others.

    Atmos says the same whether the stack or the component is wrong.
    """
    if result.success:
        return result
    stacks = await _listed(atmos, ("list", "stacks"), "Stack")
    stack, component = values["stack"], values["component"]
    if stacks and stack not in stacks:
        hint = f"There is no stack {stack!r}. {_known(stack, stacks, 'stacks')}"
    else:
        components = await _listed(atmos, ("list", "components", "--stack", stack), "Component")
        if not components or component in components:
            return result
        hint = f"The stack {stack!r} has no component {component!r}. {_known(component, components, 'components')}"
    return dataclasses.replace(result, output=f"{result.output}\n\n{hint}", error=hint)


async def _listed(atmos: AtmosCommandLine, command: Sequence[str], column: str) -> Sequence[str]:
    """Names from an atmos list; none when it cannot be had."""
    completion = await atmos.run((*command, "--format", "json", *WITHOUT_CODE))
    try:
        return [row[column] for row in json.loads(completion.stdout)] if completion.exit_code == 0 else []
    except (ValueError, TypeError, KeyError):
        return []


def _known(wrong: str, known: Sequence[str], what: str) -> str:
    near = difflib.get_close_matches(wrong, known, n=1)
    more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
    listed = f"The {what} are: {', '.join(known[:_MOST_NAMES])}{more}."
    return f"Did you mean {near[0]!r}? {listed}" if near else listed
