"""Rows of `sessions` and `session_context`. Every function is a part of one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases
from atmos_ai_sidecar.adapters.postgres.projects import ProjectKeys
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text_time
from atmos_ai_sidecar.application.ports.session_store import SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId, default_name
from atmos_ai_sidecar.errors import EtagMismatchError, SessionExistsError, SessionNotFoundError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_SELECT = """
    SELECT id, project_key, name, project_path, model, provider, created_at, updated_at, metadata, revision,
        message_count, archived, author
    FROM sessions
"""
_BY_ID = f"{_SELECT} WHERE id = %s"
_BY_NAME = f"{_SELECT} WHERE project_key = %s AND name = %s"
_PAGE = f"{_SELECT} WHERE project_key = %s AND (updated_at, id) < (%s, %s) ORDER BY updated_at DESC, id DESC LIMIT %s"
_PAGE_IN_USE = _PAGE.replace("ORDER BY", "AND NOT archived ORDER BY")
_INSERT = """
    INSERT INTO sessions
        (id, project_key, name, project_path, model, provider, author, created_at, updated_at, metadata)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_UPDATE = """
    UPDATE sessions
    SET name = %s, model = %s, provider = %s, metadata = %s, archived = %s, revision = revision + 1,
        updated_at = GREATEST(updated_at, %s)
    WHERE id = %s
"""
_DELETE = "DELETE FROM sessions WHERE id = %s"
_REPEATED = "SELECT session_id FROM idempotency_keys WHERE scope = 'create_session' AND request_id = %s"
_REMEMBER = "INSERT INTO idempotency_keys (scope, request_id, session_id) VALUES ('create_session', %s, %s)"
_SET_CONTEXT = """
    INSERT INTO session_context (session_id, context_type, context_key, context_value) VALUES (%s, %s, %s, %s)
    ON CONFLICT (session_id, context_type, context_key) DO UPDATE SET context_value = excluded.context_value
"""
_CONTEXT = "SELECT context_type, context_key, context_value FROM session_context WHERE session_id = %s"
_AFTER_ALL = (datetime.max.replace(tzinfo=UTC), "~")


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who writes, and where their projects are."""

    name: str
    projects: ProjectKeys


async def create(
    connection: AsyncConnection[Any], session_id: str, draft: SessionDraft, author: Author, now: datetime
) -> Session:
    made = await made_before(connection, session_id, draft.request_id, author)
    if made is not None:
        return made
    key = column_text(author.projects.key_of(draft.project_path))
    values = (
        session_id,
        key,
        column_text(await _free_name(connection, key, draft.name, now)),
        column_text(draft.project_path),
        column_text(draft.model),
        column_text(draft.provider),
        column_text(author.name),
        now,
        now,
        to_json(dict(draft.metadata)),
    )
    await connection.execute(_INSERT, values)
    if draft.request_id:
        await connection.execute(_REMEMBER, (draft.request_id, session_id))
    return await get(connection, session_id, author)


async def made_before(
    connection: AsyncConnection[Any], session_id: str, request_id: str, author: Author
) -> Session | None:
    """The session that an earlier request, or an earlier attempt at this one, has made."""
    row = await (await connection.execute(_REPEATED, (request_id,))).fetchone() if request_id else None
    try:
        return await get(connection, row[0] if row is not None else session_id, author)
    except SessionNotFoundError:
        return None


async def get(connection: AsyncConnection[Any], session_id: str, author: Author) -> Session:
    row = await (await connection.execute(_BY_ID, (column_text(session_id),))).fetchone()
    if row is None:
        raise SessionNotFoundError(session_id)
    return _session(row, author)


async def get_by_name(connection: AsyncConnection[Any], project_path: str, name: str, author: Author) -> Session:
    key = column_text(author.projects.key_of(project_path))
    row = await (await connection.execute(_BY_NAME, (key, column_text(name)))).fetchone()
    if row is None:
        raise SessionNotFoundError(name)
    return _session(row, author)


async def page(
    connection: AsyncConnection[Any],
    project_path: str,
    limit: int,
    cursor: str,
    author: Author,
    *,
    include_archived: bool,
) -> SessionPage:
    key = author.projects.key_of(project_path)
    binding = ["sessions", key, include_archived]
    before = _AFTER_ALL
    if cursor:
        time, session_id = decode_cursor(cursor, binding, str, str)
        before = from_text_time(time), session_id
    sql = _PAGE if include_archived else _PAGE_IN_USE
    rows = await (await connection.execute(sql, (column_text(key), *before, limit + 1))).fetchall()
    sessions = tuple(_session(row, author) for row in rows[:limit])
    if len(rows) <= limit:
        return SessionPage(sessions=sessions, next_cursor="")
    last = sessions[-1]
    return SessionPage(sessions=sessions, next_cursor=encode_cursor(binding, to_text_time(last.update_time), last.id))


async def update(
    connection: AsyncConnection[Any],
    session_id: str,
    change: SessionChange,
    *,
    etag: str,
    author: Author,
    now: datetime,
) -> Session:
    await leases.lock(connection, session_id)
    current = await get(connection, session_id, author)
    if etag and etag != current.etag:
        raise EtagMismatchError(current.name)
    name = current.name if change.name is None else change.name
    if name != current.name and await _is_taken(connection, author.projects.key_of(current.project_path), name):
        raise SessionExistsError(name)
    values = (
        column_text(name),
        column_text(current.model if change.model is None else change.model),
        column_text(current.provider if change.provider is None else change.provider),
        to_json(dict(current.metadata if change.metadata is None else change.metadata)),
        current.archived if change.archived is None else change.archived,
        now,
        session_id,
    )
    await connection.execute(_UPDATE, values)
    return await get(connection, session_id, author)


async def delete(connection: AsyncConnection[Any], session_id: str) -> bool:
    return (await connection.execute(_DELETE, (column_text(session_id),))).rowcount > 0


async def set_context_item(connection: AsyncConnection[Any], session_id: str, item: ContextItem) -> None:
    await leases.lock(connection, session_id)
    texts = (item.context_type, item.context_key, item.context_value)
    await connection.execute(_SET_CONTEXT, (session_id, *(column_text(text) for text in texts)))


async def context_items(
    connection: AsyncConnection[Any], session_id: str, context_type: str, author: Author
) -> Sequence[ContextItem]:
    await get(connection, session_id, author)
    rows = await (await connection.execute(_CONTEXT, (session_id,))).fetchall()
    # Sorted here, because the server's order depends on its collation.
    return tuple(
        ContextItem(context_type=kind, context_key=key, context_value=value)
        for kind, key, value in sorted(rows)
        if not context_type or kind == context_type
    )


async def _free_name(connection: AsyncConnection[Any], key: str, name: str, now: datetime) -> str:
    if name:
        if await _is_taken(connection, key, name):
            raise SessionExistsError(name)
        return name
    stem = name = default_name(now)
    suffix = 1
    while await _is_taken(connection, key, name):
        suffix += 1
        name = f"{stem}-{suffix}"
    return name


async def _is_taken(connection: AsyncConnection[Any], key: str, name: str) -> bool:
    return await (await connection.execute(_BY_NAME, (column_text(key), column_text(name)))).fetchone() is not None


def _session(row: Sequence[Any], author: Author) -> Session:
    (
        session_id, key, name, project_path, model, provider,
        created_at, updated_at, metadata, revision, count, archived, written_by,
    ) = row  # fmt: skip
    return Session(
        id=SessionId(session_id),
        name=name,
        project_path=author.projects.path_of(key, project_path),
        model=model,
        provider=provider,
        create_time=created_at.astimezone(UTC),
        update_time=updated_at.astimezone(UTC),
        metadata=from_json(metadata, dict),
        etag=f"r{revision}",
        message_count=count,
        archived=archived,
        author=written_by,
    )
