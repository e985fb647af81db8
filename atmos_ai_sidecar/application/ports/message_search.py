from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchHit:
    """One message that answers a query."""

    session_id: SessionId
    session_name: str
    message_id: int
    role: Role
    create_time: datetime
    snippet: str
    """One line around the first word that was found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPage:
    hits: Sequence[SearchHit]
    next_cursor: str
    """Empty means that there is no further page."""


class MessageSearch(Protocol):
    """Finds messages by the words in their text; see ``domain.search`` for what a query means."""

    async def search_messages(
        self, project_path: str, terms: Sequence[str], *, limit: int, cursor: str = ""
    ) -> SearchPage:
        """One page of the project's messages that have all ``terms``, the newest first.

        Raises:
            InvalidPageTokenError: The cursor is none of this search.
        """
