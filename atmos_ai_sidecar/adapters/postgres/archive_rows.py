"""Whole sessions: imported and cleaned. Every function is a part of one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases, message_rows, session_rows
from atmos_ai_sidecar.adapters.postgres.session_rows import Author
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import SessionNotFoundError, TurnInProgressError

_SET_ORIGIN = "UPDATE sessions SET created_at = %s, archived = %s WHERE id = %s"
_NEWEST = "SELECT id FROM sessions WHERE project_key = %s ORDER BY updated_at DESC, id DESC LIMIT 1"
_OLD = """
    SELECT id FROM sessions
    WHERE project_key = %s AND updated_at < %s AND id <> %s AND author = %s
        AND NOT (lease_turn <> '' AND lease_expires_at > clock_timestamp())
    ORDER BY updated_at, id FOR UPDATE
"""


async def import_session(
    connection: AsyncConnection[Any],
    session_id: str,
    imported: SessionImport,
    author: Author,
    now: datetime,
    *,
    overwrite: bool,
) -> Session:
    draft = imported.draft
    made = await session_rows.made_before(connection, session_id, draft.request_id, author)
    if made is not None:
        return made
    if overwrite:
        await _make_way(connection, draft.project_path, draft.name, author)
    session = await session_rows.create(connection, session_id, draft, author, now)
    await message_rows.append(
        connection, session_id, imported.messages, lease=None, author=author, now=now, write_id=session_id
    )
    for item in imported.context_items:
        await session_rows.set_context_item(connection, session.id, item)
    created_at = (imported.create_time or now).astimezone(UTC)
    await connection.execute(_SET_ORIGIN, (created_at, imported.archived, session_id))
    return await session_rows.get(connection, session_id, author)


async def clean(
    connection: AsyncConnection[Any], project_path: str, before: datetime, author: Author, *, dry_run: bool
) -> Sequence[Session]:
    key = column_text(author.projects.key_of(project_path))
    newest = await (await connection.execute(_NEWEST, (key,))).fetchone()
    if newest is None:
        return ()
    rows = await (await connection.execute(_OLD, (key, before, newest[0], column_text(author.name)))).fetchall()
    old = tuple([await session_rows.get(connection, row[0], author) for row in rows])
    for session in () if dry_run else old:
        await session_rows.delete(connection, session.id)
    return old


async def _make_way(connection: AsyncConnection[Any], project_path: str, name: str, author: Author) -> None:
    try:
        existing = await session_rows.get_by_name(connection, project_path, name, author)
    except SessionNotFoundError:
        return
    session = await leases.lock(connection, existing.id)
    if session.lease_turn and session.is_held:
        raise TurnInProgressError(name, session.lease_owner)
    await session_rows.delete(connection, existing.id)
