"""Finds the user's atmos and runs it as the user would, but for the model's keys."""

import os
import shlex
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from atmos_ai_sidecar.application.ports.program_runner import Completion, Program, ProgramRunner, occasion_of
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, OutputPiece
from atmos_ai_sidecar.errors import AtmosNotFoundError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_OURS_BYTES = 64 * 1024 * 1024
"""A real atmos is several times as large; our own wrapper is far below."""
_OUR_MARK = b"atmos-ai-sidecar/go-shim/cmd/"

_QUIET = {
    "ATMOS_TELEMETRY_ENABLED": "false",
    "NO_COLOR": "1",
    "NO_PAGER": "1",
    "ATMOS_LOGS_LEVEL": "Warning",
}

_REMEDY = (
    "Install Atmos (https://atmos.tools/install) so that `atmos` is on PATH, or set ATMOS_AI_ATMOS to the path of "
    "its executable."
)


def find_atmos(environment: Mapping[str, str]) -> str:
    """The absolute path of the user's atmos: ATMOS_AI_ATMOS, else ATMOS_CLI_PATH, else `atmos` on PATH.

    Relative folders on PATH do not count, because a project could put its own `atmos` there; nor does our wrapper.

    Raises:
        AtmosNotFoundError: There is none, or ATMOS_AI_ATMOS names none.
    """
    named = environment.get("ATMOS_AI_ATMOS", "")
    if named:
        found = _executable(named, environment)
        if not found:
            raise AtmosNotFoundError(
                f"ATMOS_AI_ATMOS is {named}, and that is no program that can be run.",
                remedy="Set it to the path of an atmos executable, or unset it to use the one on PATH.",
                path=named,
            )
        return found
    for candidate in (environment.get("ATMOS_CLI_PATH", ""), *_on_path(environment)):
        found = _executable(candidate, environment)
        if found and not _is_ours(found):
            return found
    raise AtmosNotFoundError(
        "There is no atmos: ATMOS_AI_ATMOS is not set, ATMOS_CLI_PATH names none, and none is on PATH.",
        remedy=_REMEDY,
    )


def has_atmos(environment: Mapping[str, str]) -> bool:
    """Whether there is an atmos to run."""
    try:
        find_atmos(environment)
    except AtmosNotFoundError:
        return False
    return True


def tool_environment(environment: Mapping[str, str], secret_names: Collection[str] = ()) -> dict[str, str]:
    """The caller's environment for a tool: without the model's keys and our token, and without colours and talk."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("ANTHROPIC_") and name != "ATMOS_AI_TOKEN" and name not in secret_names
    }
    return {**kept, **_QUIET}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtmosCommandLine:
    """Runs `atmos` in one project."""

    executable: str
    """Its resolved path; see find_atmos."""
    project_directory: str
    environment: Mapping[str, str]
    """What the program gets, whole; see tool_environment."""
    runner: ProgramRunner
    umask: int = 0o077
    global_flags: Sequence[str] = ()
    """Atmos' own global flags as the user gave them."""

    async def run(
        self,
        arguments: Sequence[str],
        *,
        execution_class: ExecutionClass = ExecutionClass.READ,
        emit: Callable[[OutputPiece], None] | None = None,
        execution: Execution | None = None,
    ) -> Completion:
        """Runs `atmos FLAGS ARGUMENTS…`; ``emit`` gets its output as it comes.

        ``execution`` is for a command that may change something: its outcome is kept for the call it was run for.

        Raises:
            ToolExecutionFailedError: It could not be started.
        """
        program = Program(
            arguments=(self.executable, *self.global_flags, *arguments),
            directory=self.project_directory,
            environment=self.environment,
            execution_class=execution_class,
            umask=self.umask,
            occasion=None if execution is None else occasion_of(execution, f"atmos {shlex.join(arguments)}"),
        )
        return await self.runner.run(program, emit or _ignore)


def _ignore(_piece: OutputPiece) -> None:
    return


def _on_path(environment: Mapping[str, str]) -> list[str]:
    folders = environment.get("PATH", "").split(os.pathsep)
    return [str(Path(folder) / "atmos") for folder in folders if Path(folder).is_absolute()]


def _executable(candidate: str, environment: Mapping[str, str]) -> str:
    """The absolute path of a program that is named by path or, without a slash, by its name on PATH."""
    if not candidate:
        return ""
    found = shutil.which(candidate, path=environment.get("PATH", ""))
    return str(Path(found).absolute()) if found else ""


def _is_ours(executable: str) -> bool:
    """Whether this is the wrapper or the shim: running it as atmos would run us again."""
    path = Path(executable).resolve()
    if path.name in {"atmos-ai", "atmos-wrapper"}:
        return True
    try:
        return path.stat().st_size < _OURS_BYTES and _OUR_MARK in path.read_bytes()
    except OSError:
        return False
