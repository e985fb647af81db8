"""Runs a command line in bash as it was assessed: without aliases, functions and settings of the caller."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from atmos_ai_sidecar.application.ports.program_runner import Completion, Program, ProgramRunner, occasion_of
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass
from atmos_ai_sidecar.errors import ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_OPTIONS = ("--noprofile", "--norc", "-c", "--")
"""Behind ``--`` a command line that begins with a dash is no option."""
_CHANGES_BASH = frozenset({"BASH_ENV", "ENV", "SHELLOPTS", "BASHOPTS", "PS4", "CDPATH", "GLOBIGNORE", "BASH_COMPAT"})
"""Variables that run code in bash or make it read the same words differently."""
_FUNCTION = "BASH_FUNC_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bash:
    """Runs command lines with one environment."""

    runner: ProgramRunner
    environment: Mapping[str, str]
    """What the caller would give a program; see ``bash_environment`` for what is left of it."""
    umask: int = 0o077

    async def run(
        self, command: str, *, directory: str, execution_class: ExecutionClass, execution: Execution
    ) -> Completion:
        """Runs a command line to its end.

        Raises:
            ToolExecutionFailedError: There is no bash, or it could not be started.
        """
        environment = bash_environment(self.environment)
        executable = shutil.which("bash", path=environment.get("PATH", ""))
        if executable is None:
            raise ToolExecutionFailedError("There is no bash on PATH. Install it, or switch ai.tools.shell off.")
        program = Program(
            arguments=(executable, *_OPTIONS, command),
            directory=directory,
            environment=environment,
            execution_class=execution_class,
            umask=self.umask,
            occasion=occasion_of(execution, command),
        )
        return await self.runner.run(program, execution.emit)


def bash_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what changes bash, and without relative folders on PATH.

    A relative folder would let a project bring its own `ls`.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _CHANGES_BASH and not name.startswith(_FUNCTION)
    }
    folders = kept.get("PATH", "").split(os.pathsep)
    return {**kept, "PATH": os.pathsep.join(folder for folder in folders if Path(folder).is_absolute())}
