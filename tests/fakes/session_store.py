import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.session_store import MessagePage, SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId, default_name
from atmos_ai_sidecar.errors import SessionExistsError, SessionNotFoundError


class FakeSessionStore:
    """Sessions in memory."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[SessionId, Session] = {}
        self._messages: dict[SessionId, list[Message]] = {}
        self._items: dict[SessionId, dict[tuple[str, str], ContextItem]] = {}
        self._numbers = itertools.count(1)

    async def create_session(self, draft: SessionDraft) -> Session:
        name = draft.name or default_name(self._clock.now())
        if any(known.name == name for known in self._sessions.values()):
            if draft.name:
                raise SessionExistsError(name)
            name = f"{name}-{next(self._numbers)}"
        session = Session(
            id=SessionId(f"session-id-{next(self._numbers)}"),
            name=name,
            project_path=draft.project_path,
            model=draft.model,
            provider=draft.provider,
            metadata=draft.metadata,
            create_time=self._clock.now(),
            update_time=self._clock.now(),
        )
        self._sessions = {session.id: session, **self._sessions}
        self._messages[session.id] = []
        return session

    async def get_session(self, session_id: SessionId) -> Session:
        if session_id not in self._sessions:
            raise SessionNotFoundError(session_id)
        session = self._sessions[session_id]
        return dataclasses.replace(session, message_count=len(self._messages[session_id]))

    async def get_session_by_name(self, project_path: str, name: str) -> Session:
        for session in self._sessions.values():
            if (session.project_path, session.name) == (project_path, name):
                return await self.get_session(session.id)
        raise SessionNotFoundError(name)

    async def list_sessions(
        self, project_path: str, *, limit: int, cursor: str = "", include_archived: bool = False
    ) -> SessionPage:
        start = int(cursor or 0)
        found = [await self.get_session(session_id) for session_id in self._sessions]
        has_more = len(found) > start + limit
        return SessionPage(sessions=found[start : start + limit], next_cursor=str(start + limit) if has_more else "")

    async def update_session(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        session = await self.get_session(session_id)
        values: dict[str, Any] = {
            name: value for name, value in dataclasses.asdict(change).items() if value is not None
        }
        if any(other.name == change.name and other.id != session_id for other in self._sessions.values()):
            raise SessionExistsError(str(change.name))
        self._sessions[session_id] = dataclasses.replace(session, **values)
        return self._sessions[session_id]

    async def delete_session(self, session_id: SessionId) -> bool:
        return self._sessions.pop(session_id, None) is not None

    async def append_messages(
        self, session_id: SessionId, messages: Sequence[Message], *, request_id: str = ""
    ) -> Sequence[Message]:
        stored = [dataclasses.replace(message, id=next(self._numbers)) for message in messages]
        self._messages[session_id] += stored
        return stored

    async def newest_messages(self, session_id: SessionId, limit: int) -> Sequence[Message]:
        return tuple(self._messages[session_id][-limit:] if limit else self._messages[session_id])

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        found = [message for message in self._messages[session_id] if message.id > after]
        return MessagePage(messages=found[:limit], next_cursor=found[limit - 1].id if len(found) > limit else 0)

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> None:
        self._items.setdefault(session_id, {})[item.context_type, item.context_key] = item

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        return tuple(self._items.get(session_id, {}).values())
