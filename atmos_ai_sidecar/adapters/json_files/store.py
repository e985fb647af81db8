"""The ports of the store over files, with turns, events and permission requests in SQLite beside them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import TypeVar

from atmos_ai_sidecar.adapters.json_files import sessions
from atmos_ai_sidecar.adapters.json_files.folder import Folder
from atmos_ai_sidecar.adapters.sqlite import SqliteStore
from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.journal import OpenTurn
from atmos_ai_sidecar.application.ports.message_search import SearchPage
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.application.ports.session_store import MessagePage, SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.application.ports.tool_outputs import OutputPage
from atmos_ai_sidecar.domain.audit import AuditRow
from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent
from atmos_ai_sidecar.domain.messages import Message, Usage
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError, TurnInProgressError

T = TypeVar("T")


class _OnFolder:
    def __init__(self, folder: Folder, beside: SqliteStore, clock: Clock) -> None:
        self._folder = folder
        self._beside = beside
        self._clock = clock
        # One thread, so that what the folder remembers needs no lock of its own.
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="json-files")

    async def _run(self, function: Callable[[Folder], T]) -> T:
        """Runs a function on the store's thread. A task that is cancelled while it waits does not stop it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, self._folder)

    async def _busy(self) -> frozenset[str]:
        return frozenset(turn.session_id for turn in await self._beside.open_turns())


class JsonSessionStore(_OnFolder):
    """The SessionStore port. A write that was answered survives the end of the process, not that of the machine."""

    async def create_session(self, draft: SessionDraft) -> Session:
        return await self._run(partial(sessions.create, draft=draft, now=self._clock.now()))

    async def get_session(self, session_id: SessionId) -> Session:
        return await self._run(partial(sessions.get, session_id=session_id))

    async def get_session_by_name(self, project_path: str, name: str) -> Session:
        return await self._run(partial(sessions.get_by_name, project_path=project_path, name=name))

    async def list_sessions(
        self, project_path: str, *, limit: int, cursor: str = "", include_archived: bool = False
    ) -> SessionPage:
        return await self._run(
            partial(
                sessions.page, project_path=project_path, limit=limit, cursor=cursor, include_archived=include_archived
            )
        )

    async def update_session(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        return await self._run(
            partial(sessions.update, session_id=session_id, change=change, etag=etag, now=self._clock.now())
        )

    async def delete_session(self, session_id: SessionId) -> bool:
        was_there = await self._run(partial(sessions.delete, session_id=session_id))
        await self._beside.delete_session(session_id)
        return was_there

    async def append_messages(
        self, session_id: SessionId, messages: Sequence[Message], *, request_id: str = ""
    ) -> Sequence[Message]:
        return await self._run(
            partial(
                sessions.append,
                session_id=session_id,
                messages=messages,
                request_id=request_id,
                now=self._clock.now(),
            )
        )

    async def newest_messages(self, session_id: SessionId, limit: int) -> Sequence[Message]:
        return await self._run(partial(sessions.newest, session_id=session_id, limit=limit))

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        return await self._run(partial(sessions.message_page, session_id=session_id, after=after, limit=limit))

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> None:
        await self._run(partial(sessions.set_context_item, session_id=session_id, item=item))

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        return await self._run(partial(sessions.context_items, session_id=session_id, context_type=context_type))


class JsonSessionArchive(_OnFolder):
    """The SessionArchive and MessageSearch ports; a search reads every file of the project."""

    async def import_session(self, imported: SessionImport, *, overwrite: bool = False) -> Session:
        return await self._run(
            partial(
                sessions.import_session,
                imported=imported,
                now=self._clock.now(),
                overwrite=overwrite,
                busy=await self._busy(),
            )
        )

    async def clean_sessions(self, project_path: str, *, before: datetime, dry_run: bool = False) -> Sequence[Session]:
        busy = await self._busy()
        old = await self._run(
            partial(sessions.clean, project_path=project_path, before=before, dry_run=dry_run, busy=busy)
        )
        for session in () if dry_run else old:
            await self._beside.delete_session(session.id)
        return old

    async def search_messages(
        self, project_path: str, terms: Sequence[str], *, limit: int, cursor: str = ""
    ) -> SearchPage:
        return await self._run(
            partial(sessions.search, project_path=project_path, terms=terms, limit=limit, cursor=cursor)
        )


class JsonJournal(_OnFolder):
    """The Journal port, kept in SQLite; a session is known there from its first turn or event on."""

    async def begin_turn(self, session_id: SessionId, turn_id: str, owner: str) -> None:
        session = await self._adopted(session_id)
        try:
            await self._beside.begin_turn(session_id, turn_id, owner)
        except TurnInProgressError as error:
            raise TurnInProgressError(session.name) from error

    async def finish_turn(self, session_id: SessionId, turn_id: str) -> None:
        await self._beside.finish_turn(session_id, turn_id)

    async def take_over_turn(self, session_id: SessionId, turn_id: str, *, owner: str, previous_owner: str) -> bool:
        return await self._beside.take_over_turn(session_id, turn_id, owner=owner, previous_owner=previous_owner)

    async def open_turns(self) -> Sequence[OpenTurn]:
        turns = await self._beside.open_turns()
        # A file that somebody has removed takes its turns with it.
        return tuple([turn for turn in turns if await self._is_there(turn.session_id)])

    async def append_events(
        self, session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]
    ) -> Sequence[SessionEvent]:
        try:
            return await self._beside.append_events(session_id, turn_id, events)
        except SessionNotFoundError:
            await self._adopted(session_id)
            return await self._beside.append_events(session_id, turn_id, events)

    async def read_events(self, session_id: SessionId, *, after_seq: int, limit: int) -> Sequence[SessionEvent]:
        return await self._beside.read_events(session_id, after_seq=after_seq, limit=limit)

    async def last_seq(self, session_id: SessionId) -> int:
        return await self._beside.last_seq(session_id)

    async def prune_events(self, session_id: SessionId, *, before: datetime, keep: int) -> None:
        await self._beside.prune_events(session_id, before=before, keep=keep)

    async def _adopted(self, session_id: SessionId) -> Session:
        session = await self._run(partial(sessions.get, session_id=session_id))
        await self._beside.adopt_session(session_id)
        return session

    async def _is_there(self, session_id: SessionId) -> bool:
        try:
            await self._run(partial(sessions.get, session_id=session_id))
        except SessionNotFoundError:
            return False
        return True


class JsonApprovalStore(JsonJournal):
    """The ApprovalStore port, kept in SQLite."""

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        if request.session_id:
            await self._adopted(SessionId(request.session_id))
        await self._beside.add_request(request, owner=owner)

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        return await self._beside.settle_request(request_id, settlement)

    async def get_request(self, request_id: str) -> PermissionRequest:
        return await self._beside.get_request(request_id)

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        return await self._beside.list_requests(
            session_id=session_id, pending_only=pending_only, limit=limit, cursor=cursor
        )

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        return await self._beside.pending_of_owner(owner)


class JsonToolOutputs(JsonJournal):
    """The ToolOutputs port, kept in SQLite."""

    async def save_output(self, session_id: str, tool_call_id: str, *, tool: str, text: str) -> None:
        await self._adopted(SessionId(session_id))
        await self._beside.save_output(session_id, tool_call_id, tool=tool, text=text)

    async def read_output(self, session_id: str, tool_call_id: str, *, offset: int, limit: int) -> OutputPage | None:
        return await self._beside.read_output(session_id, tool_call_id, offset=offset, limit=limit)


class JsonCompactionStore(JsonJournal):
    """The CompactionStore port, kept in SQLite."""

    async def add_compaction(self, session_id: SessionId, compaction: Compaction, *, now: datetime) -> None:
        await self._adopted(session_id)
        await self._beside.add_compaction(session_id, compaction, now=now)

    async def newest_compaction(self, session_id: SessionId) -> Compaction | None:
        return await self._beside.newest_compaction(session_id)

    async def compaction_usage(self, session_id: SessionId) -> Usage:
        return await self._beside.compaction_usage(session_id)


class JsonAuditLog(_OnFolder):
    """The AuditLog port, kept in SQLite."""

    async def append_audit_row(self, row: AuditRow) -> bool:
        return await self._beside.append_audit_row(row)

    async def audit_rows(self, chain: str, *, after: int, limit: int) -> Sequence[AuditRow]:
        return await self._beside.audit_rows(chain, after=after, limit=limit)

    async def newest_audit_rows(self, chain: str, *, before: int, limit: int) -> Sequence[AuditRow]:
        return await self._beside.newest_audit_rows(chain, before=before, limit=limit)

    async def remove_audit_rows(self, chain: str, *, up_to: int) -> None:
        await self._beside.remove_audit_rows(chain, up_to=up_to)


class JsonFilesStore(
    JsonSessionStore, JsonSessionArchive, JsonApprovalStore, JsonToolOutputs, JsonCompactionStore, JsonAuditLog
):
    """One folder as all ports of a store; close it when nothing needs it any more."""

    async def close(self) -> None:
        """Waits for what is under way; closing twice is fine."""
        await asyncio.to_thread(self._thread.shutdown)
        await self._beside.close()
