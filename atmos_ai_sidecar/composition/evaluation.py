"""Asks Atmos for values of the configuration that only Atmos can evaluate. It runs what the project's files say."""

import asyncio
import json
from typing import Any

from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine, find_atmos, tool_environment
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.configuration import AtmosFlags, Config, load_configuration
from atmos_ai_sidecar.errors import ConfigurationInvalidError

_SECONDS = 60.0
# Without the last flag Atmos hides values that look like secrets, and keys are among those that are asked for.
_QUESTION = ("describe", "config", "--format", "json", "--mask=false")
_SECTIONS = ("ai", "mcp")
_MAX_CHARACTERS = 300


async def evaluated(config: Config, run: Run, options: RunOptions, clock: Clock) -> Config:
    """The configuration with every value evaluated. Only for a project that is trusted.

    Raises:
        ConfigurationInvalidError: Atmos failed or gives no value for one of them, or the files changed meanwhile.
        AIDisabledError: The evaluated files do not switch the assistant on.
        AtmosNotFoundError: There is no atmos to run.
    """
    if not config.unevaluated:
        return config
    answers = await _asked(config, run, options, clock)
    flags = AtmosFlags.parsed(options.atmos_flags)
    again = await asyncio.to_thread(load_configuration, run.directory, run.environment, flags, answers=answers)
    if again.files != config.files:
        raise ConfigurationInvalidError(
            "The files changed while Atmos evaluated them.", file=str(config.file), remedy="Start again."
        )
    return again


async def _asked(config: Config, run: Run, options: RunOptions, clock: Clock) -> dict[str, Any]:
    command_line = AtmosCommandLine(
        executable=find_atmos(run.environment),
        project_directory=run.directory,
        environment=tool_environment(run.environment, config.secret_variables),
        runner=WardenedRunner(clock=clock),
        umask=run.umask,
        global_flags=options.atmos_flags,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            completion = await command_line.run(_QUESTION)
        answers = json.loads(completion.stdout) if completion.exit_code == 0 else None
    except TimeoutError as error:
        raise _failed(config, f"did not end within {_SECONDS:g} s") from error
    except ValueError as error:
        raise _failed(config, "printed no JSON") from error
    if not isinstance(answers, dict):
        told = completion.stderr.strip()[:_MAX_CHARACTERS] or f"exit code {completion.exit_code}"
        raise _failed(config, f"failed: {told}")
    return {name: value for name, value in answers.items() if name in _SECTIONS}


def _failed(config: Config, problem: str) -> ConfigurationInvalidError:
    needed = config.unevaluated[0]
    return ConfigurationInvalidError(
        f"`atmos describe config`, which was asked for {needed.setting} ({needed.tag}), {problem}.",
        file=needed.origin.file,
        line=needed.origin.line,
        remedy="Write the value itself, or `!env NAME`.",
    )
