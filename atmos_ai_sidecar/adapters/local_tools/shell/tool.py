"""``execute_bash_command``: a command line, decided by everything that it would run."""

import os
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.adapters.command_files import objection_to
from atmos_ai_sidecar.adapters.local_tools.shell.bash import Bash
from atmos_ai_sidecar.application.ports.program_runner import Completion
from atmos_ai_sidecar.domain.commands import Parse, assess, demand_of, execution_class_of
from atmos_ai_sidecar.domain.outputs import plain
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, Parameter, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

NAME = "execute_bash_command"

_OUTSIDE = "working_dir must be a folder inside of the project"


def shell_tool(bash: Bash, territory: Territory, parse: Parse) -> Tool:
    """The tool that runs command lines.

    Args:
        bash: Runs them.
        territory: The project: they start in its folder, and files outside of it ask.
        parse: Reads bash.
    """
    call = _Calls(bash=bash, territory=territory, parse=parse)
    return Tool(
        name=NAME,
        description="Runs a command line in bash, in the project's folder, without input and terminal. Prefer the "
        "tools that are made for a purpose. Redirects, substitutions and variables always ask a person.",
        parameters=(
            Parameter(name="command", type="string", description="The command line.", required=True),
            Parameter(
                name="working_dir",
                type="string",
                description="The folder to run it in, within the project; relative to the project's folder.",
            ),
        ),
        effect=Effect.EXECUTE,
        execute=call.execute,
        requires_permission=True,
        timeout_seconds=None,
        command_parameter="command",
        demand_of=call.demand_of,
        title="{command}[ in {working_dir}]",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Calls:
    bash: Bash
    territory: Territory
    parse: Parse

    def demand_of(self, values: Mapping[str, Any]) -> Demand:
        """What the command line would do, and with which files. Follows links, and so looks at the file system."""
        assessment = assess(_command(values), self.parse)
        directory = self._directory(values)
        objection = objection_to(assessment, directory or self.territory.directory, self.territory)
        return demand_of(
            assessment,
            must_ask=objection.must_ask,
            forbidden=objection.forbidden if directory else _OUTSIDE,
            can_remember=bool(assessment.simple_prefix),
            paths=objection.paths,
            folders=objection.folders,
        )

    async def execute(self, values: Mapping[str, Any], execution: Execution) -> Result:
        """Runs the command line.

        Raises:
            InvalidFieldError: It cannot be given to a program, or the folder is none of the project.
            ToolExecutionFailedError: bash could not be started.
        """
        command, directory = _command(values), self._directory(values)
        if not command.strip() or not _can_be_argument(command):
            raise InvalidFieldError("command", "must be a command line without NUL characters.")
        if not directory:
            raise InvalidFieldError("working_dir", "must be a folder inside of the project.")
        completion = await self.bash.run(
            command,
            directory=directory,
            execution_class=execution_class_of(assess(command, self.parse)),
            execution=execution,
        )
        return _result(completion)

    def _directory(self, values: Mapping[str, Any]) -> str:
        """Where the command line runs, links followed; empty when that is outside of the project."""
        given = values.get("working_dir") or "."
        try:
            resolved = os.path.realpath(self.territory.absolute(str(given)))
        except ValueError:
            return ""
        is_readable = self.territory.is_inside(resolved) and not self.territory.why_not_read(resolved)
        return resolved if is_readable else ""


def _command(values: Mapping[str, Any]) -> str:
    command = values.get("command")
    return command if isinstance(command, str) else ""


def _can_be_argument(command: str) -> bool:
    try:
        return b"\0" not in command.encode()
    except UnicodeEncodeError:
        return False


def _result(completion: Completion) -> Result:
    parts = (plain(completion.stdout).strip("\n"), plain(completion.stderr).strip("\n"))
    words = "\n".join(part for part in parts if part)
    failed = completion.exit_code != 0
    error = f"The command failed with exit code {completion.exit_code}." if failed else ""
    return Result(
        success=not failed,
        output="\n".join(part for part in (error, words) if part),
        error=error,
        reason=ToolExecutionFailedError.reason if failed else "",
        exit_code=completion.exit_code,
        truncated=completion.truncated,
    )
