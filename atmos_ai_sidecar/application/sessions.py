"""Sessions of one project: create, resume, list, change, delete, and their messages and facts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

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
    ) -> None:
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
        session = await self._store.get_session(session_id)
        if session.project_path != self._project_path:
            raise SessionNotFoundError(session_id)
        return session

    async def get_by_name(self, name: str) -> Session:
        """The session of that name.

        Raises:
            SessionNotFoundError: There is none.
        """
        return await self._store.get_session_by_name(self._project_path, name)

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
        return page.sessions[0] if page.sessions else None

    async def list(self, *, limit: int, cursor: str = "", include_archived: bool = False) -> SessionPage:
        """One page of the project's sessions, the one changed last first.

        Raises:
            InvalidPageTokenError: The cursor is none of this list.
        """
        return await self._store.list_sessions(
            self._project_path, limit=limit, cursor=cursor, include_archived=include_archived
        )

    async def update(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        """Changes a session.

        Raises:
            InvalidFieldError, SessionNotFoundError, SessionExistsError, EtagMismatchError
        """
        await self.get(session_id)
        if change.name is not None:
            checked_name(change.name)
        if change.model:
            checked_model(change.model)
        return await self._store.update_session(session_id, change, etag=etag)

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
        session = await self.get(session_id)
        if self._is_busy(session_id):
            raise TurnInProgressError(session.name)
        await self._store.delete_session(session_id)

    async def add_message(self, session_id: SessionId, role: Role, text: str, *, request_id: str = "") -> Message:
        """Appends a message without asking the model.

        Raises:
            InvalidFieldError, SessionNotFoundError, TurnInProgressError
        """
        session = await self.get(session_id)
        if self._is_busy(session_id):
            raise TurnInProgressError(session.name)
        message = Message(role=role, blocks=(Text(text=self._redact(checked_text("content", text))),))
        stored = await self._store.append_messages(session_id, (message,), request_id=request_id)
        return stored[0]

    async def messages(self, session_id: SessionId, *, limit: int = 0) -> Sequence[Message]:
        """The newest ``limit`` messages in order; 0 means all.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        await self.get(session_id)
        return await self._store.newest_messages(session_id, limit)

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        """Messages in order, from the one after the id ``after`` on.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        await self.get(session_id)
        return await self._store.list_messages(session_id, after=after, limit=limit)

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> ContextItem:
        """Attaches a fact; the same type and key replace the value.

        Raises:
            InvalidFieldError, SessionNotFoundError
        """
        await self.get(session_id)
        for field in ("context_type", "context_key"):
            if not getattr(item, field):
                raise InvalidFieldError(f"item.{field}", "must not be empty")
        stored = ContextItem(
            context_type=item.context_type,
            context_key=item.context_key,
            context_value=self._redact(item.context_value),
        )
        await self._store.set_context_item(session_id, stored)
        return stored

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        """The facts of a session, sorted by type and key.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        await self.get(session_id)
        return await self._store.list_context_items(session_id, context_type)


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
