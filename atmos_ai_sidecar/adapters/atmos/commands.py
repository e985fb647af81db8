"""Any other atmos command: run as it is, decided by its class."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import spoken
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.domain.atmos_commands import classify, effect_of, forbidden_reason
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Execution, ExecutionClass, Result
from atmos_ai_sidecar.errors import InvalidFieldError

_EXECUTION_CLASSES = {
    CommandClass.READ: ExecutionClass.READ,
    CommandClass.SECRET_READ: ExecutionClass.READ,
    CommandClass.PLAN: ExecutionClass.PLAN,
}
_TIMEOUTS = {ExecutionClass.READ: 120.0, ExecutionClass.PLAN: 1200.0, ExecutionClass.MUTATE: None}


def demand_of(values: Mapping[str, Any]) -> Demand:
    """Asks always; a command that may change something is never stopped by a timeout."""
    arguments = _arguments(values)
    command_class = classify(arguments)
    return Demand(
        effect=effect_of(command_class),
        requires_permission=True,
        timeout_seconds=_TIMEOUTS[_execution_class(command_class)],
        command_class=command_class,
        forbidden=forbidden_reason(arguments),
    )


async def execute(atmos: AtmosCommandLine, values: Mapping[str, Any], execution: Execution) -> Result:
    """Runs the command.

    Raises:
        InvalidFieldError: There are no arguments, or one that no program can be given.
    """
    arguments = _arguments(values)
    if not arguments or any("\0" in argument for argument in arguments):
        raise InvalidFieldError("arguments", "must be the words of an atmos command.")
    completion = await atmos.run(arguments, execution_class=_execution_class(classify(arguments)), emit=execution.emit)
    return spoken(completion, f"atmos {shlex.join(arguments)}")


def _arguments(values: Mapping[str, Any]) -> Sequence[str]:
    """The words after `atmos`; a model that repeats the name itself is understood."""
    given = values.get("arguments")
    words = [str(word) for word in given] if isinstance(given, list | tuple) else []
    return words[1:] if words[:1] == ["atmos"] else words


def _execution_class(command_class: CommandClass) -> ExecutionClass:
    return _EXECUTION_CLASSES.get(command_class, ExecutionClass.MUTATE)
