from collections.abc import Mapping, Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDraft:
    """A session to be created."""

    name: str
    """Empty: ``session-YYYYMMDD-HHMMSS``, suffixed when taken."""
    project_path: str
    model: str
    provider: str
    metadata: Mapping[str, str]
    request_id: str = ""
    """A repeat of it returns the session that it created before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionChange:
    """What to change; None keeps the value."""

    name: str | None = None
    model: str | None = None
    provider: str | None = None
    metadata: Mapping[str, str] | None = None
    archived: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPage:
    sessions: Sequence[Session]
    next_cursor: str
    """Empty means that there is no further page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePage:
    messages: Sequence[Message]
    next_cursor: int
    """Id to go on after; 0 means that there is no further page."""


class SessionStore(Protocol):
    """Keeps sessions. Every write is one transaction; what was answered is durable.

    1. A name is unique within a project. 2. Lists are newest first and stable under concurrent writes.
    3. Messages keep the order in which they were appended. 4. Deleting a session deletes all that belongs to it.
    5. Times are UTC. Errors: StorageBusyError, StorageFullError, StorageCorruptError, StorageUnavailableError.
    """

    async def create_session(self, draft: SessionDraft) -> Session:
        """Creates a session, or returns the one that the same request id created.

        Raises:
            SessionExistsError: The project has a session of that name.
        """

    async def get_session(self, session_id: SessionId) -> Session:
        """The session of that id.

        Raises:
            SessionNotFoundError: There is none.
        """

    async def get_session_by_name(self, project_path: str, name: str) -> Session:
        """The session of that name in that project.

        Raises:
            SessionNotFoundError: There is none.
        """

    async def list_sessions(
        self, project_path: str, *, limit: int, cursor: str = "", include_archived: bool = False
    ) -> SessionPage:
        """One page of the project's sessions, the one changed last first.

        Raises:
            InvalidPageTokenError: The cursor is none of this list.
        """

    async def update_session(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        """Changes a session; with an etag only when it is still the current one.

        Raises:
            SessionNotFoundError, SessionExistsError, EtagMismatchError
        """

    async def delete_session(self, session_id: SessionId) -> bool:
        """Deletes a session with everything that belongs to it; False when there was none."""

    async def append_messages(
        self, session_id: SessionId, messages: Sequence[Message], *, request_id: str = ""
    ) -> Sequence[Message]:
        """Appends all of them or none, and returns them as stored.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def newest_messages(self, session_id: SessionId, limit: int) -> Sequence[Message]:
        """The newest ``limit`` messages in order; 0 means all.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        """Messages in order, from the one after the id ``after`` on.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> None:
        """Attaches a fact; the same type and key replace the value.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        """The facts of a session, sorted by type and key.

        Raises:
            SessionNotFoundError: There is no such session.
        """
