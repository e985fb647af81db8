"""Where the records of calls that change infrastructure are: in the user's state directory, for all projects."""

from atmos_ai_sidecar.adapters.local_tools.left_programs import LeftProgramsFolder
from atmos_ai_sidecar.adapters.user_state import make_private, state_directory
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.workspace import Run
from atmos_ai_sidecar.domain.redaction import Redactor, secret_values


def left_programs(run: Run, project_path: str) -> LeftProgramsFolder:
    """The records of a project's programs; without a path those of all projects."""
    state = state_directory(run.environment)
    folder = state / "running"
    return LeftProgramsFolder(folder, project_path, make_private=lambda: make_private(folder, state))


def left_calls(run: Run, project_path: str, clock: Clock, redactor: Redactor | None = None) -> LeftCalls:
    """What can be told about a project's left calls."""
    redactor = redactor or Redactor(known_values=secret_values(run.environment))
    return LeftCalls(left_programs(run, project_path), clock=clock, redact=redactor.redact)
