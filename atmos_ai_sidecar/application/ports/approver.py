from enum import Enum
from typing import Protocol

from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.domain.tools import Preview, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class Attendance(Enum):
    """Whether somebody is there to answer a question of this call."""

    NOBODY = "nobody"
    """Ask whoever is attached at this moment, else answer at once as unattended."""
    EXPECTED = "expected"
    """A prompter was asked to attach and will in a moment."""
    PRESENT = "present"
    """An interactive client is attached and may answer in its own time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """On whose behalf a tool runs."""

    session_id: str
    turn_id: str
    run_id: str = ""
    attendance: Attendance = Attendance.NOBODY


class Approver(Protocol):
    """Asks a person whether a call may run."""

    async def ask(
        self,
        tool: Tool,
        call: ToolCall,
        decision: Decision,
        context: CallContext,
        preview: Preview | None = None,
    ) -> PermissionRequest:
        """Raises a permission request and returns it settled: its ``outcome`` is never None.

        The question shows the preview, if there is one, and its digest covers what the preview was made from.
        A cancelled call settles its request as cancelled.
        """

    def holds(
        self,
        request: PermissionRequest,
        tool: Tool,
        call: ToolCall,
        context: CallContext,
        preview: Preview | None = None,
    ) -> bool:
        """Whether everything that the request was bound to is still the same; asked right before the call runs."""
