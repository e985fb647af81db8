from datetime import datetime
from typing import Protocol

from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.sessions import SessionId


class CompactionStore(Protocol):
    """Keeps how the model sees a session; the messages themselves are never touched."""

    async def add_compaction(self, session_id: SessionId, compaction: Compaction, *, now: datetime) -> None:
        """Stores it as the session's newest.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def newest_compaction(self, session_id: SessionId) -> Compaction | None:
        """The one that counts; None when the session has none."""

    async def compaction_usage(self, session_id: SessionId) -> Usage:
        """What all summaries of the session cost together."""
