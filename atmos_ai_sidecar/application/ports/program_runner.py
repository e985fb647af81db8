from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, OutputPiece
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Why a program runs."""

    session_id: str
    """Empty when no session asked for it."""
    call_id: str
    text: str
    """The command line for people; may hold secrets."""


def occasion_of(execution: Execution, text: str) -> Occasion:
    """The occasion of a program that a call runs."""
    return Occasion(session_id=execution.session_id, call_id=execution.tool_call_id, text=text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run, never through a shell."""

    arguments: Sequence[str]
    """The first one is the resolved path of the executable."""
    directory: str
    environment: Mapping[str, str]
    """The whole environment of the program."""
    execution_class: ExecutionClass
    umask: int = 0o077
    occasion: Occasion | None = None
    """Set for a program that may outlive this process; its outcome is kept then, see ``LeftPrograms``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """How a program ended."""

    exit_code: int
    """128 + n when signal n ended it."""
    stdout: str
    stderr: str
    duration_seconds: float
    truncated: bool = False
    """The output was longer than the runner keeps in memory; head and tail are there."""


class ProgramRunner(Protocol):
    """Runs programs under the warden: own session, no terminal, no input, all descendants ended with it."""

    async def run(self, program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
        """Runs a program to its end; ``emit`` gets each piece of output as it comes.

        Cancelling the call starts the stop ladder for the program's class and returns at once; the warden carries
        the ladder out, also when this process dies.

        Raises:
            ToolExecutionFailedError: The program could not be started.
        """
