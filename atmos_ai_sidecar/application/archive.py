"""Whole sessions of one project: search, export, import and cleaning."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from atmos_ai_sidecar.application.ports.checkpoint_text import CheckpointText
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.foreign_sessions import ForeignSession, ForeignSessions
from atmos_ai_sidecar.application.ports.message_search import MessageSearch, SearchPage
from atmos_ai_sidecar.application.ports.session_archive import SessionArchive, SessionImport
from atmos_ai_sidecar.application.ports.session_store import SessionDraft, SessionStore
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.domain.ages import time_before
from atmos_ai_sidecar.domain.checkpoints import (
    Checkpoint,
    checkpoint_from_values,
    checkpoint_markdown,
    checkpoint_values,
)
from atmos_ai_sidecar.domain.messages import Block, Message, Text, ToolResult
from atmos_ai_sidecar.domain.search import search_terms
from atmos_ai_sidecar.domain.sessions import Session, SessionId, checked_name
from atmos_ai_sidecar.errors import InvalidFieldError, SessionExistsError, SessionNotFoundError, SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_LOG = logging.getLogger(__name__)
_PAGE = 1000


class ExportFormat(StrEnum):
    JSON = "json"
    YAML = "yaml"
    MARKDOWN = "markdown"


class ArchivedStore(SessionStore, SessionArchive, MessageSearch, Protocol):
    """What this use case needs of a store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """One session that came from elsewhere."""

    session: Session
    skipped_messages: int = 0
    """Messages of a role that we have not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignImport:
    """What an import of another program's sessions came to."""

    imported: Sequence[Session] = ()
    known: int = 0
    """Sessions that were imported before."""
    empty: int = 0
    """Sessions without a message."""


class Archive:
    """What can be done with whole sessions of one project. Text is redacted before it is stored."""

    def __init__(
        self,
        store: ArchivedStore,
        *,
        project_path: str,
        files: CheckpointText,
        foreign: ForeignSessions,
        clock: Clock,
        redact: Callable[[str], str],
    ) -> None:
        self._store = store
        self._project_path = project_path
        self._files = files
        self._foreign = foreign
        self._clock = clock
        self._redact = redact

    async def search(self, query: str, *, limit: int, cursor: str = "") -> SearchPage:
        """One page of messages that have every word of the query, the newest first.

        Raises:
            InvalidFieldError: The query has no word.
            InvalidPageTokenError: The cursor is none of this search.
        """
        return await self._store.search_messages(self._project_path, search_terms(query), limit=limit, cursor=cursor)

    async def clean(self, older_than: timedelta, *, dry_run: bool = False) -> Sequence[Session]:
        """Deletes sessions that did not change for so long, and returns them, oldest first.

        The newest session, those with a running turn and those of other people are kept.

        Raises:
            InvalidFieldError: The age is not positive, or longer than the calendar.
        """
        before = time_before(self._clock.now(), older_than)
        return await self._store.clean_sessions(self._project_path, before=before, dry_run=dry_run)

    async def retain(self, age: timedelta) -> None:
        """Cleans as the configuration asks for, and logs what went; that it failed stops nobody."""
        try:
            removed = await self.clean(age)
        except SidecarError as error:
            _LOG.warning("old sessions were not cleaned: %s", error)
            return
        for session in removed:
            _LOG.info("session %r was removed: it did not change for %s", session.name, age)

    async def export(
        self, session_id: SessionId, form: ExportFormat, *, with_context: bool = True, with_metadata: bool = True
    ) -> str:
        """The whole session as the text of a file, on request without its facts or its metadata.

        Raises:
            SessionNotFoundError: There is none.
            InvalidFieldError: It has no message, which no checkpoint may lack.
        """
        checkpoint = await self._checkpoint(session_id)
        checkpoint = replace(
            checkpoint,
            context_items=checkpoint.context_items if with_context else (),
            metadata=checkpoint.metadata if with_metadata else {},
        )
        if form is ExportFormat.MARKDOWN:
            return checkpoint_markdown(checkpoint)
        if not checkpoint.messages:
            raise InvalidFieldError("session", f"{checkpoint.name!r} has no messages to export")
        values = checkpoint_values(checkpoint, self._clock.now())
        write = self._files.to_yaml if form is ExportFormat.YAML else self._files.to_json
        return await asyncio.to_thread(write, values)

    async def import_file(
        self,
        content: bytes,
        *,
        name: str = "",
        overwrite: bool = False,
        with_context: bool = True,
        request_id: str = "",
    ) -> Imported:
        """Stores the session that the text of a file describes, entirely or not at all.

        Raises:
            InvalidFieldError: It is no checkpoint, or one that cannot be used; the error says why.
            SessionExistsError: The name is taken and ``overwrite`` is off.
            TurnInProgressError: A turn is running in the session that would be replaced.
        """
        values = await asyncio.to_thread(self._files.from_text, content)
        checkpoint = await asyncio.to_thread(checkpoint_from_values, values)
        if not with_context:
            checkpoint = replace(checkpoint, context_items=())
        session = await self._store.import_session(
            self._import(checkpoint, checked_name(name) if name else checkpoint.name, request_id), overwrite=overwrite
        )
        return Imported(session=session, skipped_messages=checkpoint.skipped_messages)

    async def import_foreign(self, progress: Progress | None = None) -> ForeignImport:
        """Stores the sessions of Atmos' own assistant that were not stored before. Nothing of Atmos' is changed.

        A name that is taken gets the suffix ``-atmos``; ``progress`` counts the sessions.

        Raises:
            StorageUnavailableError, StorageCorruptError: Atmos' database cannot be read.
        """
        result, progress = ForeignImport(), progress or Progress()
        before, found = await self._ids(), await self._foreign.read()
        progress.begin(len(found), "sessions")
        for foreign in found:
            progress.step()
            if not foreign.checkpoint.messages:
                result = replace(result, empty=result.empty + 1)
                continue
            session = await self._import_one(foreign)
            if session.id in before:
                result = replace(result, known=result.known + 1)
            else:
                result = replace(result, imported=(*result.imported, session))
        return result

    async def _import_one(self, foreign: ForeignSession) -> Session:
        stem = name = _usable_name(foreign)
        request_id = f"atmos:{self._project_path}:{foreign.identity}"
        suffix = 0
        while True:
            imported = replace(self._import(foreign.checkpoint, name, request_id), archived=foreign.archived)
            try:
                return await self._store.import_session(imported)
            except SessionExistsError:
                suffix += 1
                name = f"{stem}-atmos" if suffix == 1 else f"{stem}-atmos-{suffix}"

    async def _ids(self) -> frozenset[SessionId]:
        found: set[SessionId] = set()
        cursor = ""
        while True:
            page = await self._store.list_sessions(
                self._project_path, limit=_PAGE, cursor=cursor, include_archived=True
            )
            found.update(session.id for session in page.sessions)
            cursor = page.next_cursor
            if not cursor:
                return frozenset(found)

    def _import(self, checkpoint: Checkpoint, name: str, request_id: str) -> SessionImport:
        metadata = {key: self._redact(value) for key, value in checkpoint.metadata.items()}
        if checkpoint.skill:
            metadata["skill"] = checkpoint.skill
        if checkpoint.archived_messages:
            metadata["archived_messages"] = str(checkpoint.archived_messages)
        return SessionImport(
            draft=SessionDraft(
                name=name,
                project_path=self._project_path,
                model=checkpoint.model,
                provider=checkpoint.provider,
                metadata=metadata,
                request_id=request_id,
            ),
            messages=tuple(self._redacted(message) for message in checkpoint.messages),
            context_items=tuple(
                replace(item, context_value=self._redact(item.context_value)) for item in checkpoint.context_items
            ),
            create_time=checkpoint.create_time,
        )

    def _redacted(self, message: Message) -> Message:
        return replace(message, blocks=tuple(self._redacted_block(block) for block in message.blocks))

    def _redacted_block(self, block: Block) -> Block:
        if isinstance(block, Text):
            return Text(text=self._redact(block.text))
        if isinstance(block, ToolResult):
            result = replace(
                block.result, output=self._redact(block.result.output), error=self._redact(block.result.error)
            )
            return replace(block, result=result)
        return block

    async def _checkpoint(self, session_id: SessionId) -> Checkpoint:
        session = await self._store.get_session(session_id)
        if session.project_path != self._project_path:
            raise SessionNotFoundError(session_id)
        metadata = dict(session.metadata)
        return Checkpoint(
            name=session.name,
            provider=session.provider,
            model=session.model,
            skill=metadata.pop("skill", ""),
            project_path=session.project_path,
            create_time=session.create_time,
            update_time=session.update_time,
            metadata=metadata,
            messages=await self._store.newest_messages(session_id, 0),
            context_items=await self._store.list_context_items(session_id),
        )


def _usable_name(foreign: ForeignSession) -> str:
    try:
        return checked_name(foreign.checkpoint.name)
    except InvalidFieldError:
        letters = "".join(character for character in foreign.identity if character.isalnum())
        return f"atmos-{letters[:12] or 'session'}"
