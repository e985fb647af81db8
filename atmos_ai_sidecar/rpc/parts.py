"""What the server is given by whoever composes it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import field
from datetime import datetime

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.rpc.shared_workspace import Open

RunCommand = Callable[[Sequence[str], Console], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who the server says it is."""

    instance_id: str
    """New with every process."""
    server_version: str
    start_time: datetime
    directory: str
    """Where the services work: the project, as far as it is known before it is opened."""
    capabilities: Sequence[str] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParts:
    """What the services call."""

    identity: Identity
    clock: Clock
    approvals: Approvals
    open_workspace: Open
    """Opens the workspace of the services in the sidecar's own directory and environment; called when it is needed."""
    run_command: RunCommand
    """Runs a command on a console and returns its exit code."""
    resume_command: Callable[[str], Sequence[str]]
    """The arguments of the run that a resume token stands for.

    Raises:
        InvalidFieldError: It is no token of ours.
    """
    request_shutdown: Callable[[float], None]
    """Asks the process to end, with at most that many seconds for running calls; returns at once."""
    is_busy: Callable[[], bool] = lambda: False
    """Whether a turn runs, perhaps one that nobody listens to."""
