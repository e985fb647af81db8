"""Any other atmos command: run as it is, decided by its words."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.adapters.atmos.answers import spoken
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine
from atmos_ai_sidecar.adapters.command_files import objection_to
from atmos_ai_sidecar.domain.commands import Assessment, Parse, assess_argv, demand_of, execution_class_of
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand, Execution, Result
from atmos_ai_sidecar.errors import InvalidFieldError


def demand_of_call(parse: Parse, territory: Territory, values: Mapping[str, Any]) -> Demand:
    """Asks always; a command that may change something is never stopped by a timeout. Looks at the file system."""
    assessment = _assess(_arguments(values), parse)
    objection = objection_to(assessment, territory.directory, territory)
    return demand_of(
        assessment,
        must_ask=objection.must_ask,
        forbidden=objection.forbidden,
        paths=objection.paths,
        folders=objection.folders,
    )


async def execute(parse: Parse, atmos: AtmosCommandLine, values: Mapping[str, Any], execution: Execution) -> Result:
    """Runs the command.

    Raises:
        InvalidFieldError: There are no arguments, or one that no program can be given.
    """
    arguments = _arguments(values)
    if not arguments or any("\0" in argument for argument in arguments):
        raise InvalidFieldError("arguments", "must be the words of an atmos command.")
    execution_class = execution_class_of(_assess(arguments, parse))
    completion = await atmos.run(arguments, execution_class=execution_class, emit=execution.emit, execution=execution)
    return spoken(completion, f"atmos {shlex.join(arguments)}")


def _assess(arguments: Sequence[str], parse: Parse) -> Assessment:
    """What the command would do; without arguments there is none, which is unknown."""
    return assess_argv(["atmos", *arguments] if arguments else [], parse)


def _arguments(values: Mapping[str, Any]) -> Sequence[str]:
    """The words after `atmos`; a model that repeats the name itself is understood."""
    given = values.get("arguments")
    words = [str(word) for word in given] if isinstance(given, list | tuple) else []
    return words[1:] if words[:1] == ["atmos"] else words
