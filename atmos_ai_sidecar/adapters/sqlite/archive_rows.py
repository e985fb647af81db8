"""Whole sessions: imported and cleaned. Every function is a part of one transaction."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from atmos_ai_sidecar.adapters.sqlite import message_rows, session_rows
from atmos_ai_sidecar.adapters.storage.values import to_text, to_text_time
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import TurnInProgressError

_SAME_NAME = "SELECT id FROM sessions WHERE project_path = ? AND name = ?"
_IS_OPEN = "SELECT 1 FROM turns WHERE session_id = ? AND finished_at IS NULL"
_SET_ORIGIN = "UPDATE sessions SET created_at = ?, archived = ? WHERE id = ?"
_OLD = """
    SELECT id FROM sessions
    WHERE project_path = :project_path AND updated_at < :before
        AND id <> (SELECT id FROM sessions WHERE project_path = :project_path ORDER BY updated_at DESC, id DESC LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM turns WHERE session_id = sessions.id AND finished_at IS NULL)
    ORDER BY updated_at, id
"""


def import_session(
    connection: sqlite3.Connection, imported: SessionImport, now: datetime, *, overwrite: bool
) -> Session:
    draft = imported.draft
    repeated = session_rows.created_by_request(connection, draft.request_id)
    if repeated is not None:
        return repeated
    if overwrite:
        _make_way(connection, draft.project_path, draft.name)
    session = session_rows.create(connection, draft, now)
    message_rows.append(connection, session.id, imported.messages, "", now)
    for item in imported.context_items:
        session_rows.set_context_item(connection, session.id, item)
    created_at = to_text_time((imported.create_time or now).astimezone(UTC))
    connection.execute(_SET_ORIGIN, (created_at, imported.archived, session.id))
    return session_rows.get(connection, session.id)


def clean(connection: sqlite3.Connection, project_path: str, before: datetime, *, dry_run: bool) -> Sequence[Session]:
    values = {"project_path": to_text(project_path), "before": to_text_time(before)}
    ids = [row[0] for row in connection.execute(_OLD, values).fetchall()]
    old = tuple(session_rows.get(connection, session_id) for session_id in ids)
    if not dry_run:
        for session_id in ids:
            session_rows.delete(connection, session_id)
    return old


def _make_way(connection: sqlite3.Connection, project_path: str, name: str) -> None:
    row = connection.execute(_SAME_NAME, (to_text(project_path), to_text(name))).fetchone()
    if row is None:
        return
    if connection.execute(_IS_OPEN, row).fetchone() is not None:
        raise TurnInProgressError(name)
    session_rows.delete(connection, row[0])
