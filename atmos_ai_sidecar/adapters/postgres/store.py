"""The ports of the store, each a thin layer of transactions over the rows."""

import asyncio
import uuid
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from atmos_ai_sidecar.adapters.postgres import (
    archive_rows,
    audit_rows,
    compaction_rows,
    journal_rows,
    leases,
    message_rows,
    output_rows,
    request_rows,
    session_rows,
)
from atmos_ai_sidecar.adapters.postgres.database import Database
from atmos_ai_sidecar.adapters.postgres.leases import Lease  # noqa: TC001 - a type like the others
from atmos_ai_sidecar.adapters.postgres.projects import ProjectKeys
from atmos_ai_sidecar.adapters.postgres.session_rows import Author
from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.journal import OpenTurn
from atmos_ai_sidecar.application.ports.message_search import SearchPage
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.application.ports.session_store import MessagePage, SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.application.ports.tool_outputs import OutputPage
from atmos_ai_sidecar.domain.audit import AuditRow
from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.messages import Message, Usage
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError, SidecarError

_RENEWALS_PER_LEASE = 3


class _OnServer:
    def __init__(
        self, database: Database, clock: Clock, *, projects: ProjectKeys, author: str, lease_seconds: float
    ) -> None:
        self._database = database
        self._clock = clock
        self._author = Author(name=author, projects=projects)
        self._lease_seconds = lease_seconds
        self._leases: dict[str, Lease] = {}
        self._living: frozenset[str] = frozenset()
        self._renewing: asyncio.Task[None] | None = None


class PostgresSessionStore(_OnServer):
    """The SessionStore port. While another sidecar runs a turn in a session, nothing is appended to it."""

    async def create_session(self, draft: SessionDraft) -> Session:
        return await self._database.run(
            partial(
                session_rows.create,
                session_id=str(uuid.uuid4()),
                draft=draft,
                author=self._author,
                now=self._clock.now(),
            )
        )

    async def get_session(self, session_id: SessionId) -> Session:
        return await self._database.run(partial(session_rows.get, session_id=session_id, author=self._author))

    async def get_session_by_name(self, project_path: str, name: str) -> Session:
        return await self._database.run(
            partial(session_rows.get_by_name, project_path=project_path, name=name, author=self._author)
        )

    async def list_sessions(
        self, project_path: str, *, limit: int, cursor: str = "", include_archived: bool = False
    ) -> SessionPage:
        return await self._database.run(
            partial(
                session_rows.page,
                project_path=project_path,
                limit=limit,
                cursor=cursor,
                author=self._author,
                include_archived=include_archived,
            )
        )

    async def update_session(self, session_id: SessionId, change: SessionChange, *, etag: str = "") -> Session:
        return await self._database.run(
            partial(
                session_rows.update,
                session_id=session_id,
                change=change,
                etag=etag,
                author=self._author,
                now=self._clock.now(),
            )
        )

    async def delete_session(self, session_id: SessionId) -> bool:
        self._leases.pop(session_id, None)
        return await self._database.run(partial(session_rows.delete, session_id=session_id))

    async def append_messages(
        self, session_id: SessionId, messages: Sequence[Message], *, request_id: str = ""
    ) -> Sequence[Message]:
        return await self._database.run(
            partial(
                message_rows.append,
                session_id=session_id,
                messages=messages,
                lease=self._leases.get(session_id),
                author=self._author,
                now=self._clock.now(),
                write_id=str(uuid.uuid4()),
                request_id=request_id,
            )
        )

    async def newest_messages(self, session_id: SessionId, limit: int) -> Sequence[Message]:
        return await self._database.run(
            partial(message_rows.newest, session_id=session_id, limit=limit, author=self._author)
        )

    async def list_messages(self, session_id: SessionId, *, after: int, limit: int) -> MessagePage:
        return await self._database.run(
            partial(message_rows.page, session_id=session_id, after=after, limit=limit, author=self._author)
        )

    async def set_context_item(self, session_id: SessionId, item: ContextItem) -> None:
        await self._database.run(partial(session_rows.set_context_item, session_id=session_id, item=item))

    async def list_context_items(self, session_id: SessionId, context_type: str = "") -> Sequence[ContextItem]:
        return await self._database.run(
            partial(session_rows.context_items, session_id=session_id, context_type=context_type, author=self._author)
        )


class PostgresSessionArchive(_OnServer):
    """The SessionArchive and MessageSearch ports."""

    async def import_session(self, imported: SessionImport, *, overwrite: bool = False) -> Session:
        return await self._database.run(
            partial(
                archive_rows.import_session,
                session_id=str(uuid.uuid4()),
                imported=imported,
                author=self._author,
                now=self._clock.now(),
                overwrite=overwrite,
            )
        )

    async def clean_sessions(self, project_path: str, *, before: datetime, dry_run: bool = False) -> Sequence[Session]:
        return await self._database.run(
            partial(archive_rows.clean, project_path=project_path, before=before, author=self._author, dry_run=dry_run)
        )

    async def search_messages(
        self, project_path: str, terms: Sequence[str], *, limit: int, cursor: str = ""
    ) -> SearchPage:
        return await self._database.run(
            partial(
                message_rows.find,
                project_path=project_path,
                terms=terms,
                limit=limit,
                cursor=cursor,
                author=self._author,
            )
        )


class PostgresJournal(_OnServer):
    """The Journal port. A turn holds its session by a lease, which is renewed as long as this process runs."""

    async def begin_turn(self, session_id: SessionId, turn_id: str, owner: str) -> None:
        self._leases[session_id] = await self._database.run(
            partial(
                journal_rows.begin_turn,
                session_id=session_id,
                turn_id=turn_id,
                owner=owner,
                author=self._author.name,
                now=self._clock.now(),
                lease_seconds=self._lease_seconds,
            )
        )
        if self._renewing is None:
            self._renewing = asyncio.get_running_loop().create_task(self._renew_leases())

    async def finish_turn(self, session_id: SessionId, turn_id: str) -> None:
        with suppress(SessionNotFoundError):
            await self._database.run(
                partial(
                    journal_rows.finish_turn,
                    session_id=session_id,
                    turn_id=turn_id,
                    lease=self._leases.get(session_id),
                    now=self._clock.now(),
                )
            )
        self._forget(session_id, turn_id)

    async def take_over_turn(self, session_id: SessionId, turn_id: str, *, owner: str, previous_owner: str) -> bool:
        lease = await self._database.run(
            partial(
                journal_rows.take_over,
                session_id=session_id,
                turn_id=turn_id,
                owner=owner,
                previous_owner=previous_owner,
                lease_seconds=self._lease_seconds,
            )
        )
        if lease is not None:
            self._leases[session_id] = lease
        return lease is not None

    async def open_turns(self) -> Sequence[OpenTurn]:
        found = await self._database.run(journal_rows.open_turns)
        self._living = frozenset(turn.owner for turn, is_held in found if is_held)
        return tuple(turn for turn, _ in found)

    def is_alive(self, owner: str) -> bool:
        """The Owners port: whether that sidecar held a lease when ``open_turns`` was last asked."""
        return owner in self._living

    async def append_events(
        self, session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]
    ) -> Sequence[SessionEvent]:
        lease = self._leases.get(session_id)
        try:
            stored = await self._database.run(
                partial(
                    journal_rows.append,
                    session_id=session_id,
                    turn_id=turn_id,
                    events=events,
                    lease=lease,
                    now=self._clock.now(),
                    write_id=str(uuid.uuid4()),
                )
            )
        finally:
            if any(isinstance(event, TurnFinished) for event in events):
                self._forget(session_id, turn_id)
        return stored

    async def read_events(self, session_id: SessionId, *, after_seq: int, limit: int) -> Sequence[SessionEvent]:
        return await self._database.run(
            partial(journal_rows.read, session_id=session_id, after_seq=after_seq, limit=limit)
        )

    async def last_seq(self, session_id: SessionId) -> int:
        return await self._database.run(partial(journal_rows.last_seq, session_id=session_id))

    async def prune_events(self, session_id: SessionId, *, before: datetime, keep: int) -> None:
        await self._database.run(partial(journal_rows.prune, session_id=session_id, before=before, keep=keep))

    def _forget(self, session_id: str, turn_id: str) -> None:
        lease = self._leases.get(session_id)
        if lease is not None and lease.turn_id == turn_id:
            del self._leases[session_id]

    async def _renew_leases(self) -> None:
        while True:
            await self._clock.sleep(self._lease_seconds / _RENEWALS_PER_LEASE)
            for session_id, lease in tuple(self._leases.items()):
                # A lease that cannot be renewed runs out, and the next write says so.
                with suppress(SidecarError):
                    await self._database.run(
                        partial(leases.renew, session_id=session_id, lease=lease, seconds=self._lease_seconds)
                    )


class PostgresApprovalStore(_OnServer):
    """The ApprovalStore port."""

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        await self._database.run(partial(request_rows.add, request=request, owner=owner, author=self._author.name))

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        return await self._database.run(partial(request_rows.settle, request_id=request_id, settlement=settlement))

    async def get_request(self, request_id: str) -> PermissionRequest:
        return await self._database.run(partial(request_rows.get, request_id=request_id))

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        return await self._database.run(
            partial(request_rows.page, session_id=session_id, limit=limit, cursor=cursor, pending_only=pending_only)
        )

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        return await self._database.run(partial(request_rows.pending_of_owner, owner=owner))


class PostgresToolOutputs(_OnServer):
    """The ToolOutputs port."""

    async def save_output(self, session_id: str, tool_call_id: str, *, tool: str, text: str) -> None:
        await self._database.run(
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
        return await self._database.run(
            partial(output_rows.page, session_id=session_id, tool_call_id=tool_call_id, offset=offset, limit=limit)
        )


class PostgresCompactionStore(_OnServer):
    """The CompactionStore port."""

    async def add_compaction(self, session_id: SessionId, compaction: Compaction, *, now: datetime) -> None:
        await self._database.run(partial(compaction_rows.add, session_id=session_id, compaction=compaction, now=now))

    async def newest_compaction(self, session_id: SessionId) -> Compaction | None:
        return await self._database.run(partial(compaction_rows.newest, session_id=session_id))

    async def compaction_usage(self, session_id: SessionId) -> Usage:
        return await self._database.run(partial(compaction_rows.usage, session_id=session_id))


class PostgresAuditLog(_OnServer):
    """The AuditLog port. A chain is one person's on one machine; the author says whose it is."""

    async def append_audit_row(self, row: AuditRow) -> bool:
        return await self._database.run(partial(audit_rows.add, row=row, author=self._author.name))

    async def audit_rows(self, chain: str, *, after: int, limit: int) -> Sequence[AuditRow]:
        return await self._database.run(partial(audit_rows.after, chain=chain, number=after, limit=limit))

    async def newest_audit_rows(self, chain: str, *, before: int, limit: int) -> Sequence[AuditRow]:
        return await self._database.run(partial(audit_rows.before, chain=chain, number=before, limit=limit))

    async def remove_audit_rows(self, chain: str, *, up_to: int) -> None:
        await self._database.run(partial(audit_rows.remove, chain=chain, up_to=up_to))


class PostgresStore(
    PostgresSessionStore,
    PostgresSessionArchive,
    PostgresJournal,
    PostgresApprovalStore,
    PostgresToolOutputs,
    PostgresCompactionStore,
    PostgresAuditLog,
):
    """One server as all ports of a store; close it when nothing needs it any more."""

    async def close(self) -> None:
        """Stops renewing leases and closes the connections; closing twice is fine."""
        if self._renewing is not None:
            self._renewing.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewing
        await self._database.close()
