"""Rows of `sessions` and `session_context`. Every function is a part of one transaction."""

import sqlite3
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from atmos_ai_sidecar.adapters.sqlite import search_rows
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text, to_text_time
from atmos_ai_sidecar.application.ports.session_store import SessionChange, SessionDraft, SessionPage
from atmos_ai_sidecar.domain.sessions import ContextItem, Session, SessionId, default_name
from atmos_ai_sidecar.errors import EtagMismatchError, SessionExistsError, SessionNotFoundError

_SELECT = """
    SELECT id, name, project_path, model, provider, created_at, updated_at, metadata, revision, message_count, archived
    FROM sessions
"""
_BY_ID = f"{_SELECT} WHERE id = ?"
_BY_NAME = f"{_SELECT} WHERE project_path = ? AND name = ?"
_PAGE = f"""
    {_SELECT}
    WHERE project_path = :project_path AND (updated_at, id) < (:updated_at, :id)
    ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_PAGE_IN_USE = f"""
    {_SELECT}
    WHERE project_path = :project_path AND (updated_at, id) < (:updated_at, :id) AND archived = 0
    ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_INSERT = """
    INSERT INTO sessions (id, name, project_path, model, provider, created_at, updated_at, metadata)
    VALUES (:id, :name, :project_path, :model, :provider, :now, :now, :metadata)
"""
_ADOPT = """
    INSERT INTO sessions (id, name, project_path, model, provider, created_at, updated_at)
    VALUES (:id, :id, '', '', '', :now, :now) ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
    UPDATE sessions
    SET name = :name, model = :model, provider = :provider, metadata = :metadata, archived = :archived,
        revision = revision + 1, updated_at = max(updated_at, :now)
    WHERE id = :id
"""
_DELETE = "DELETE FROM sessions WHERE id = ?"
_EXISTS = "SELECT 1 FROM sessions WHERE id = ?"
_REPEATED = "SELECT session_id FROM idempotency_keys WHERE scope = 'create_session' AND request_id = ?"
_REMEMBER = """
    INSERT INTO idempotency_keys (scope, request_id, session_id, created_at) VALUES ('create_session', ?, ?, ?)
"""
_SET_CONTEXT = """
    INSERT INTO session_context (session_id, context_type, context_key, context_value) VALUES (?, ?, ?, ?)
    ON CONFLICT (session_id, context_type, context_key) DO UPDATE SET context_value = excluded.context_value
"""
_CONTEXT = """
    SELECT context_type, context_key, context_value FROM session_context WHERE session_id = ?
    ORDER BY context_type, context_key
"""
_CONTEXT_OF_TYPE = """
    SELECT context_type, context_key, context_value FROM session_context WHERE session_id = ? AND context_type = ?
    ORDER BY context_key
"""
# Sorts after every time and every id.
_AFTER_ALL = "~"


def require(connection: sqlite3.Connection, session_id: str) -> None:
    """Raises SessionNotFoundError when there is no such session."""
    if connection.execute(_EXISTS, (session_id,)).fetchone() is None:
        raise SessionNotFoundError(session_id)


def created_by_request(connection: sqlite3.Connection, request_id: str) -> Session | None:
    """The session that an earlier request of that id made; an empty id never made one."""
    row = connection.execute(_REPEATED, (request_id,)).fetchone() if request_id else None
    return None if row is None else get(connection, row[0])


def create(connection: sqlite3.Connection, draft: SessionDraft, now: datetime) -> Session:
    repeated = created_by_request(connection, draft.request_id)
    if repeated is not None:
        return repeated
    session_id = str(uuid.uuid4())
    values = {
        "id": session_id,
        "name": to_text(_free_name(connection, draft, now)),
        "project_path": to_text(draft.project_path),
        "model": to_text(draft.model),
        "provider": to_text(draft.provider),
        "now": to_text_time(now),
        "metadata": to_json(dict(draft.metadata)),
    }
    connection.execute(_INSERT, values)
    if draft.request_id:
        connection.execute(_REMEMBER, (draft.request_id, session_id, values["now"]))
    return get(connection, session_id)


def get(connection: sqlite3.Connection, session_id: str) -> Session:
    row = connection.execute(_BY_ID, (session_id,)).fetchone()
    if row is None:
        raise SessionNotFoundError(session_id)
    return _session(row)


def get_by_name(connection: sqlite3.Connection, project_path: str, name: str) -> Session:
    row = connection.execute(_BY_NAME, (to_text(project_path), to_text(name))).fetchone()
    if row is None:
        raise SessionNotFoundError(name)
    return _session(row)


def page(
    connection: sqlite3.Connection, project_path: str, limit: int, cursor: str, *, include_archived: bool
) -> SessionPage:
    binding = ["sessions", project_path, include_archived]
    updated_at, session_id = decode_cursor(cursor, binding, str, str) if cursor else (_AFTER_ALL, _AFTER_ALL)
    values = {"project_path": to_text(project_path), "updated_at": updated_at, "id": session_id, "limit": limit + 1}
    rows = connection.execute(_PAGE if include_archived else _PAGE_IN_USE, values).fetchall()
    sessions = tuple(_session(row) for row in rows[:limit])
    if len(rows) <= limit:
        return SessionPage(sessions=sessions, next_cursor="")
    last = sessions[-1]
    return SessionPage(sessions=sessions, next_cursor=encode_cursor(binding, to_text_time(last.update_time), last.id))


def update(connection: sqlite3.Connection, session_id: str, change: SessionChange, etag: str, now: datetime) -> Session:
    current = get(connection, session_id)
    if etag and etag != current.etag:
        raise EtagMismatchError(current.name)
    name = current.name if change.name is None else change.name
    if name != current.name and _is_taken(connection, current.project_path, name):
        raise SessionExistsError(name)
    connection.execute(
        _UPDATE,
        {
            "id": session_id,
            "name": to_text(name),
            "model": to_text(current.model if change.model is None else change.model),
            "provider": to_text(current.provider if change.provider is None else change.provider),
            "metadata": to_json(dict(current.metadata if change.metadata is None else change.metadata)),
            "archived": current.archived if change.archived is None else change.archived,
            "now": to_text_time(now),
        },
    )
    return get(connection, session_id)


def delete(connection: sqlite3.Connection, session_id: str) -> bool:
    search_rows.forget(connection, session_id)
    return connection.execute(_DELETE, (session_id,)).rowcount > 0


def adopt(connection: sqlite3.Connection, session_id: str, now: datetime) -> None:
    """Makes room for the turns and events of a session that is kept elsewhere; it is in no project's list."""
    connection.execute(_ADOPT, {"id": session_id, "now": to_text_time(now)})


def set_context_item(connection: sqlite3.Connection, session_id: str, item: ContextItem) -> None:
    require(connection, session_id)
    values = (session_id, to_text(item.context_type), to_text(item.context_key), to_text(item.context_value))
    connection.execute(_SET_CONTEXT, values)


def context_items(connection: sqlite3.Connection, session_id: str, context_type: str) -> Sequence[ContextItem]:
    require(connection, session_id)
    rows = (
        connection.execute(_CONTEXT_OF_TYPE, (session_id, context_type))
        if context_type
        else connection.execute(_CONTEXT, (session_id,))
    )
    return tuple(ContextItem(context_type=kind, context_key=key, context_value=value) for kind, key, value in rows)


def _free_name(connection: sqlite3.Connection, draft: SessionDraft, now: datetime) -> str:
    if draft.name:
        if _is_taken(connection, draft.project_path, draft.name):
            raise SessionExistsError(draft.name)
        return draft.name
    stem = name = default_name(now)
    suffix = 1
    while _is_taken(connection, draft.project_path, name):
        suffix += 1
        name = f"{stem}-{suffix}"
    return name


def _is_taken(connection: sqlite3.Connection, project_path: str, name: str) -> bool:
    return connection.execute(_BY_NAME, (to_text(project_path), to_text(name))).fetchone() is not None


def _session(row: Sequence[Any]) -> Session:
    session_id, name, project_path, model, provider, created_at, updated_at, metadata, revision, count, archived = row
    return Session(
        id=SessionId(session_id),
        name=name,
        project_path=project_path,
        model=model,
        provider=provider,
        create_time=from_text_time(created_at),
        update_time=from_text_time(updated_at),
        metadata=from_json(metadata, dict),
        etag=f"r{revision}",
        message_count=count,
        archived=bool(archived),
    )
