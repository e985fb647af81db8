"""The ports of the store, each a thin layer of transactions over the rows."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from atmos_ai_sidecar.adapters.sqlite import (
    archive_rows,
    audit_rows,
    compaction_rows,
    journal_rows,
    message_rows,
    output_rows,
    request_rows,
    search_rows,
    session_rows,
)
from atmos_ai_sidecar.adapters.sqlite.database import Database
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


class _OnDatabase:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock


class SqliteSessionStore(_OnDatabase):
    """The SessionStore port. An etag changes with ``update_session`` and not with messages."""

    async def create_session(self, draft: SessionDraft) -> Session:
        return await self._database.write(partial(session_rows.create, draft=draft, now=self._clock.now()))

    async def get_session(self, session_id: SessionId) -> Session:
        return await self._database.read(partial(session_rows.get, session_id=session_id))

    async def get_session_by_name(self, project_path: str, name: str) -> Session:
        return await self._database.read(partial(session_rows.get_by_name, project_path=project_path, name=name))

    async def list_sessions(
        self, project_path: str, *, limit: int, cursor: str = "", include_archived: bool = False
    ) -> SessionPage:
        return await self._database.read(
            partial(
                session_rows.page,
                project_path=project_path,
                limit=limit,
                cursor=cursor,
                include_archived=include_archived,
            )
        )

    async def update_session(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        return await self._database.write(
            partial(session_rows.update, session_id=session_id, change=change, etag=etag, now=self._clock.now())
        )

    async def delete_session(self, session_id: SessionId) -> bool:
        return await self._database.write(partial(session_rows.delete, session_id=session_id))

    async def append_messages(
        self, session_id: SessionId, messages: Sequence[Message], *, request_id: str = ""
    ) -> Sequence[Message]:
        return await self._database.write(
            partial(
                message_rows.append,
                session_id=session_id,
                messages=messages,
                request_id=request_id,
                now=self._clock.now(),
            )
        )

    async def newest_messages(self, session_id: SessionId, limit: int) -> Sequence[Message]:
        return await self._database.read(partial(message_rows.newest, session_id=session_id, limit=limit))

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        return await self._database.read(partial(message_rows.page, session_id=session_id, after=after, limit=limit))

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> None:
        await self._database.write(partial(session_rows.set_context_item, session_id=session_id, item=item))

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        return await self._database.read(
            partial(session_rows.context_items, session_id=session_id, context_type=context_type)
        )


class SqliteSessionArchive(_OnDatabase):
    """The SessionArchive and MessageSearch ports."""

    async def import_session(self, imported: SessionImport, *, overwrite: bool = False) -> Session:
        return await self._database.write(
            partial(archive_rows.import_session, imported=imported, now=self._clock.now(), overwrite=overwrite)
        )

    async def clean_sessions(self, project_path: str, *, before: datetime, dry_run: bool = False) -> Sequence[Session]:
        return await self._database.write(
            partial(archive_rows.clean, project_path=project_path, before=before, dry_run=dry_run)
        )

    async def search_messages(
        self, project_path: str, terms: Sequence[str], *, limit: int, cursor: str = ""
    ) -> SearchPage:
        return await self._database.read(
            partial(search_rows.find, project_path=project_path, terms=terms, limit=limit, cursor=cursor)
        )


class SqliteJournal(_OnDatabase):
    """The Journal port. ``TurnFinished`` in the journal ends the claim in the same transaction."""

    async def begin_turn(self, session_id: SessionId, turn_id: str, owner: str) -> None:
        await self._database.write(
            partial(journal_rows.begin_turn, session_id=session_id, turn_id=turn_id, owner=owner, now=self._clock.now())
        )

    async def adopt_session(self, session_id: SessionId) -> None:
        """Lets a session that another store keeps have turns and events here; a known one stays as it is."""
        await self._database.write(partial(session_rows.adopt, session_id=session_id, now=self._clock.now()))

    async def finish_turn(self, session_id: SessionId, turn_id: str) -> None:
        await self._database.write(
            partial(journal_rows.finish_turn, session_id=session_id, turn_id=turn_id, now=self._clock.now())
        )

    async def take_over_turn(self, session_id: SessionId, turn_id: str, *, owner: str, previous_owner: str) -> bool:
        return await self._database.write(
            partial(
                journal_rows.take_over,
                session_id=session_id,
                turn_id=turn_id,
                owner=owner,
                previous_owner=previous_owner,
            )
        )

    async def open_turns(self) -> Sequence[OpenTurn]:
        return await self._database.read(journal_rows.open_turns)

    async def append_events(
        self, session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]
    ) -> Sequence[SessionEvent]:
        return await self._database.write(
            partial(journal_rows.append, session_id=session_id, turn_id=turn_id, events=events, now=self._clock.now())
        )

    async def read_events(self, session_id: SessionId, *, after_seq: int, limit: int) -> Sequence[SessionEvent]:
        return await self._database.read(
            partial(journal_rows.read, session_id=session_id, after_seq=after_seq, limit=limit)
        )

    async def last_seq(self, session_id: SessionId) -> int:
        return await self._database.read(partial(journal_rows.last_seq, session_id=session_id))

    async def prune_events(self, session_id: SessionId, *, before: datetime, keep: int) -> None:
        await self._database.write(partial(journal_rows.prune, session_id=session_id, before=before, keep=keep))


class SqliteApprovalStore(_OnDatabase):
    """The ApprovalStore port."""

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        await self._database.write(partial(request_rows.add, request=request, owner=owner))

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        return await self._database.write(partial(request_rows.settle, request_id=request_id, settlement=settlement))

    async def get_request(self, request_id: str) -> PermissionRequest:
        return await self._database.read(partial(request_rows.get, request_id=request_id))

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        return await self._database.read(
            partial(request_rows.page, session_id=session_id, limit=limit, cursor=cursor, pending_only=pending_only)
        )

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        return await self._database.read(partial(request_rows.pending_of_owner, owner=owner))


class SqliteCompactionStore(_OnDatabase):
    """The CompactionStore port."""

    async def add_compaction(self, session_id: SessionId, compaction: Compaction, *, now: datetime) -> None:
        await self._database.write(partial(compaction_rows.add, session_id=session_id, compaction=compaction, now=now))

    async def newest_compaction(self, session_id: SessionId) -> Compaction | None:
        return await self._database.read(partial(compaction_rows.newest, session_id=session_id))

    async def compaction_usage(self, session_id: SessionId) -> Usage:
        return await self._database.read(partial(compaction_rows.usage, session_id=session_id))


class SqliteToolOutputs(_OnDatabase):
    """The ToolOutputs port."""

    async def save_output(self, session_id: str, tool_call_id: str, *, tool: str, text: str) -> None:
        await self._database.write(
            partial(
                output_rows.save,
                session_id=session_id,
                tool_call_id=tool_call_id,
                tool=tool,
                text=text,
                now=self._clock.now(),
            )
        )

    async def read_output(self, session_id: str, tool_call_id: str, *, offset: int, limit: int) -> OutputPage | None:
        return await self._database.read(
            partial(output_rows.page, session_id=session_id, tool_call_id=tool_call_id, offset=offset, limit=limit)
        )


class SqliteAuditLog(_OnDatabase):
    """The AuditLog port."""

    async def append_audit_row(self, row: AuditRow) -> bool:
        return await self._database.write(partial(audit_rows.add, row=row))

    async def audit_rows(self, chain: str, *, after: int, limit: int) -> Sequence[AuditRow]:
        return await self._database.read(partial(audit_rows.after, chain=chain, number=after, limit=limit))

    async def newest_audit_rows(self, chain: str, *, before: int, limit: int) -> Sequence[AuditRow]:
        return await self._database.read(partial(audit_rows.before, chain=chain, number=before, limit=limit))

    async def remove_audit_rows(self, chain: str, *, up_to: int) -> None:
        await self._database.write(partial(audit_rows.remove, chain=chain, up_to=up_to))


class SqliteStore(
    SqliteSessionStore,
    SqliteSessionArchive,
    SqliteJournal,
    SqliteApprovalStore,
    SqliteToolOutputs,
    SqliteCompactionStore,
    SqliteAuditLog,
):
    """One database as all ports of a store; close it when nothing needs it any more."""

    async def close(self) -> None:
        """Waits for what is under way and closes the file; closing twice is fine."""
        await self._database.close()
