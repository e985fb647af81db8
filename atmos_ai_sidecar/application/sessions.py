"""Sessions of one project: create, resume, list, change, delete, and their messages and facts.

Where nothing is stored unless somebody says so, new sessions are drafts, and those that are stored are seen beside
them; what goes on in one of those goes on in a draft of it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from atmos_ai_sidecar.application.drafts import Drafts
from atmos_ai_sidecar.application.ports.session_store import (
    MessagePage,
    SessionChange,
    SessionDraft,
    SessionPage,
    SessionStore,
)
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId, checked_name
from atmos_ai_sidecar.errors import InvalidFieldError, SessionExistsError, SessionNotFoundError, TurnInProgressError

DEFAULT_LISTED = 10
MAX_MODEL_LENGTH = 256
MAX_TEXT_BYTES = 10 * 1024 * 1024


class Sessions:
    """The sessions of one project. Text is redacted before it is stored."""

    def __init__(
        self,
        store: SessionStore,
        *,
        project_path: str,
        model: str,
        provider: str,
        redact: Callable[[str], str],
        is_busy: Callable[[SessionId], bool],
        after_create: Callable[[], Awaitable[object]] | None = None,
        drafts: Drafts | None = None,
        listed: int = DEFAULT_LISTED,
    ) -> None:
        self.listed = listed
        """How many a listing shows where nobody says how many."""
        self._drafts = drafts
        self._store = store
        self._project_path = project_path
        self._model = model
        self._provider = provider
        self._redact = redact
        self._is_busy = is_busy
        self._after_create = after_create

    async def create(
        self,
        *,
        name: str = "",
        model: str = "",
        provider: str = "",
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
    ) -> Session:
        """Creates a session; an empty name gets one made from the time. Old ones go where retention is set.

        Raises:
            InvalidFieldError, SessionExistsError
        """
        if self._drafts is not None and name and await self._drafts.is_taken(name):
            raise SessionExistsError(name)
        session = await self._store.create_session(
            SessionDraft(
                name=checked_name(name) if name else "",
                project_path=self._project_path,
                model=model or self._model,
                provider=provider or self._provider,
                metadata=metadata or {},
                request_id=request_id,
            )
        )
        if self._after_create is not None:
            await self._after_create()
        return session

    async def get(self, session_id: SessionId) -> Session:
        """The session of that id, if it belongs to this project.

        Raises:
            SessionNotFoundError: There is none.
        """
        session, _ = await self._find(session_id)
        return session

    async def get_by_name(self, name: str) -> Session:
        """The session of that name.

        Raises:
            SessionNotFoundError: There is none.
        """
        try:
            return await self._store.get_session_by_name(self._project_path, name)
        except SessionNotFoundError:
            if self._drafts is None:
                raise
        return await self._drafts.take(name)

    async def resume_or_create(self, name: str) -> tuple[Session, bool]:
        """The session of that name, and whether this call created it; an empty name always creates one.

        Raises:
            InvalidFieldError: The name cannot be used.
        """
        if not name:
            return await self.create(), True
        checked_name(name)
        try:
            return await self.get_by_name(name), False
        except SessionNotFoundError:
            pass
        try:
            return await self.create(name=name), True
        except SessionExistsError:  # another process was faster
            return await self.get_by_name(name), False

    async def newest(self) -> Session | None:
        """The session that changed last."""
        page = await self.list(limit=1)
        return await self.get_by_name(page.sessions[0].name) if page.sessions else None

    async def list(self, *, limit: int, cursor: str = "", include_archived: bool = False) -> SessionPage:
        """One page of the project's sessions, the one changed last first. Drafts come with the first page.

        Raises:
            InvalidPageTokenError: The cursor is none of this list.
        """
        page = await (self._store if self._drafts is None else self._drafts.kept).list_sessions(
            self._project_path, limit=limit, cursor=cursor, include_archived=include_archived
        )
        if self._drafts is None:
            return page
        found = [session for session in page.sessions if not self._drafts.is_shadowed(session)]
        if not cursor:
            own = await self._store.list_sessions(self._project_path, limit=limit, include_archived=include_archived)
            found += own.sessions
        return replace(page, sessions=sorted(found, key=lambda session: session.update_time, reverse=True))

    async def update(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        """Changes a session.

        Raises:
            InvalidFieldError, SessionNotFoundError, SessionExistsError, EtagMismatchError
        """
        session, store = await self._find(session_id)
        if change.name is not None and checked_name(change.name) != session.name:
            await self._require_free(change.name, session_id, store)
        if change.model:
            checked_model(change.model)
        return await store.update_session(session_id, change, etag=etag)

    def model_of(self, session: Session) -> str:
        """The model that the session's next turn asks: the one that it remembers.

        A session of another provider asks the model of this run, because providers have names of their own.
        """
        return session.model if session.model and session.provider in {"", self._provider} else self._model

    async def choose_model(self, session_id: SessionId, model: str) -> Session:
        """Has the session ask another model of this run's provider from the next turn on, also after a resume.

        Raises:
            InvalidFieldError: It is no name of a model.
            SessionNotFoundError: There is no such session.
        """
        session = await self.get(session_id)
        if (session.model, session.provider) == (checked_model(model), self._provider):
            return session
        return await self.update(session_id, SessionChange(model=model, provider=self._provider))

    async def delete(self, session_id: SessionId) -> None:
        """Deletes a session with everything that belongs to it.

        Raises:
            SessionNotFoundError: There is none.
            TurnInProgressError: A turn is running in it.
        """
        session, store = await self._find(session_id)
        if self._is_busy(session_id):
            raise TurnInProgressError(session.name)
        await store.delete_session(session_id)

    async def add_message(self, session_id: SessionId, role: Role, text: str, *, request_id: str = "") -> Message:
        """Appends a message without asking the model.

        Raises:
            InvalidFieldError, SessionNotFoundError, TurnInProgressError
        """
        session, store = await self._find(session_id)
        if self._is_busy(session_id):
            raise TurnInProgressError(session.name)
        message = Message(role=role, blocks=(Text(text=self._redact(checked_text("content", text))),))
        stored = await store.append_messages(session_id, (message,), request_id=request_id)
        return stored[0]

    async def messages(self, session_id: SessionId, *, limit: int = 0) -> Sequence[Message]:
        """The newest ``limit`` messages in order; 0 means all.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        _, store = await self._find(session_id)
        return await store.newest_messages(session_id, limit)

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        """Messages in order, from the one after the id ``after`` on.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        _, store = await self._find(session_id)
        return await store.list_messages(session_id, after=after, limit=limit)

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> ContextItem:
        """Attaches a fact; the same type and key replace the value.

        Raises:
            InvalidFieldError, SessionNotFoundError
        """
        _, store = await self._find(session_id)
        for field in ("context_type", "context_key"):
            if not getattr(item, field):
                raise InvalidFieldError(f"item.{field}", "must not be empty")
        stored = ContextItem(
            context_type=item.context_type,
            context_key=item.context_key,
            context_value=self._redact(item.context_value),
        )
        await store.set_context_item(session_id, stored)
        return stored

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        """The facts of a session, sorted by type and key.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        _, store = await self._find(session_id)
        return await store.list_context_items(session_id, context_type)

    async def _find(self, session_id: SessionId) -> tuple[Session, SessionStore]:
        """The session of that id, and the store that has it.

        Raises:
            SessionNotFoundError: This project has none.
        """
        for store in (self._store,) if self._drafts is None else (self._store, self._drafts.kept):
            with suppress(SessionNotFoundError):
                session = await store.get_session(session_id)
                if session.project_path == self._project_path:
                    return session, store
        raise SessionNotFoundError(session_id)

    async def _require_free(self, name: str, session_id: SessionId, store: SessionStore) -> None:
        """A draft must not take the name of a stored session, which it could not be stored beside."""
        if self._drafts is None or store is not self._store:
            return
        if await self._drafts.is_taken(name, by_other_than=session_id):
            raise SessionExistsError(name)


def checked_model(model: str) -> str:
    """The name of a model, which is passed on as it is.

    Raises:
        InvalidFieldError: It is empty, too long, or has white space or control characters.
    """
    if not model or len(model) > MAX_MODEL_LENGTH or not model.isprintable() or " " in model:
        raise InvalidFieldError("model", f"must be 1 to {MAX_MODEL_LENGTH} printable characters without spaces")
    return model


def checked_text(field: str, text: str) -> str:
    """The text of a message, if it says something and can be stored.

    Raises:
        InvalidFieldError: It is blank or longer than 10 MiB.
    """
    if not text.strip():
        raise InvalidFieldError(field, "must not be empty")
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_TEXT_BYTES:
        raise InvalidFieldError(field, f"has {size} bytes, at most {MAX_TEXT_BYTES} are allowed")
    return text
