"""Sessions that are stored only when somebody says so."""

from typing import Protocol

from atmos_ai_sidecar.application.ports.session_archive import SessionArchive, SessionImport
from atmos_ai_sidecar.application.ports.session_store import SessionDraft, SessionStore
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import EtagMismatchError, SessionExistsError, SessionNotFoundError


class WholeSessions(SessionStore, SessionArchive, Protocol):
    """What this use case needs of a store."""


class Drafts:
    """Sessions of one run that live in memory, beside the store that keeps those that were saved.

    What is saved is what was said and the facts of the session; its journal and the whole outputs of tools are not.
    """

    def __init__(self, store: WholeSessions, *, kept: WholeSessions, project_path: str) -> None:
        self.kept: SessionStore = kept
        self._store = store
        self._archive = kept
        self._project_path = project_path
        self._origins: dict[SessionId, Session] = {}
        """By the id of a draft: the stored session that it came from or was saved to, as it was then."""

    def is_shadowed(self, session: Session) -> bool:
        """Whether a draft stands for this stored session."""
        return any(origin.id == session.id for origin in self._origins.values())

    async def is_taken(self, name: str, *, by_other_than: SessionId | None = None) -> bool:
        """Whether a stored session has that name, and is not what this draft came from."""
        stored = await self._named(name)
        origin = self._origins.get(by_other_than) if by_other_than is not None else None
        return stored is not None and (origin is None or origin.id != stored.id)

    async def take(self, name: str) -> Session:
        """A draft of the stored session of that name, to go on with; what is stored stays as it is.

        Raises:
            SessionNotFoundError: There is none.
        """
        stored = await self.kept.get_session_by_name(self._project_path, name)
        draft = await self._store.import_session(await _copied(self.kept, stored))
        self._origins[draft.id] = stored
        return draft

    async def save(self, session_id: SessionId) -> Session:
        """Stores a draft as it is now, in place of what was stored of it before; it stays a draft.

        Raises:
            SessionNotFoundError: There is no such draft.
            SessionExistsError: Another stored session has its name.
            EtagMismatchError: Somebody else changed what was stored of it; nothing is overwritten.
            TurnInProgressError: Somebody else runs a turn in it.
        """
        draft = await self._store.get_session(session_id)
        before = await self._unchanged_origin(session_id)
        if await self.is_taken(draft.name, by_other_than=session_id):
            raise SessionExistsError(draft.name)
        saved = await self._archive.import_session(await _copied(self._store, draft), overwrite=before is not None)
        if before is not None and before.name != draft.name:
            await self.kept.delete_session(before.id)
        self._origins[session_id] = saved
        return saved

    async def _unchanged_origin(self, session_id: SessionId) -> Session | None:
        origin = self._origins.get(session_id)
        if origin is None:
            return None
        try:
            now = await self.kept.get_session(origin.id)
        except SessionNotFoundError:  # somebody deleted it, which overwrites nothing
            return None
        if (now.etag, now.message_count) != (origin.etag, origin.message_count):  # messages change no etag
            raise EtagMismatchError(now.name)
        return now

    async def _named(self, name: str) -> Session | None:
        try:
            return await self.kept.get_session_by_name(self._project_path, name)
        except SessionNotFoundError:
            return None


async def _copied(source: SessionStore, session: Session) -> SessionImport:
    return SessionImport(
        draft=SessionDraft(
            name=session.name,
            project_path=session.project_path,
            model=session.model,
            provider=session.provider,
            metadata=session.metadata,
        ),
        messages=await source.newest_messages(session.id, 0),
        context_items=await source.list_context_items(session.id),
        create_time=session.create_time,
        archived=session.archived,
    )
