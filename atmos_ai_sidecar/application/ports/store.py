from typing import Protocol

from atmos_ai_sidecar.application.ports.approval_store import ApprovalStore
from atmos_ai_sidecar.application.ports.audit_log import AuditLog
from atmos_ai_sidecar.application.ports.compaction_store import CompactionStore
from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.application.ports.message_search import MessageSearch
from atmos_ai_sidecar.application.ports.session_archive import SessionArchive
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.application.ports.tool_outputs import ToolOutputs


class Store(
    SessionStore,
    SessionArchive,
    MessageSearch,
    Journal,
    ApprovalStore,
    ToolOutputs,
    CompactionStore,
    AuditLog,
    Protocol,
):
    """All that one place keeps."""

    async def close(self) -> None:
        """Waits for what is under way and lets go of the place; closing twice is fine."""
