"""Rows of `messages_fts`. Every function is a part of one transaction."""

import sqlite3
from collections.abc import Sequence

from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_text_time
from atmos_ai_sidecar.application.ports.message_search import SearchHit, SearchPage
from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.search import snippet
from atmos_ai_sidecar.domain.sessions import SessionId

_ADD = "INSERT INTO messages_fts (rowid, content) VALUES (?, ?)"
_FORGET = """
    INSERT INTO messages_fts (messages_fts, rowid, content)
    SELECT 'delete', id, content FROM messages WHERE session_id = ?
"""
_FIND = """
    SELECT messages.id, session_id, sessions.name, role, messages.created_at, messages.content
    FROM messages_fts
    JOIN messages ON messages.id = messages_fts.rowid
    JOIN sessions ON sessions.id = session_id
    WHERE messages_fts MATCH :query AND messages_fts.rowid < :before AND project_path = :project_path
    ORDER BY messages_fts.rowid DESC LIMIT :limit
"""
_AFTER_ALL = 2**63 - 1


def add(connection: sqlite3.Connection, message_id: int, text: str) -> None:
    connection.execute(_ADD, (message_id, text))


def forget(connection: sqlite3.Connection, session_id: str) -> None:
    """Takes a session's messages out of the index; to be called before they are deleted."""
    connection.execute(_FORGET, (session_id,))


def find(
    connection: sqlite3.Connection, project_path: str, terms: Sequence[str], limit: int, cursor: str
) -> SearchPage:
    binding = ["search", project_path, *terms]
    (before,) = decode_cursor(cursor, binding, int) if cursor else (_AFTER_ALL,)
    values = {"query": _query(terms), "before": before, "project_path": project_path, "limit": limit + 1}
    rows = connection.execute(_FIND, values).fetchall()
    hits = tuple(
        SearchHit(
            session_id=SessionId(session_id),
            session_name=name,
            message_id=message_id,
            role=Role(role),
            create_time=from_text_time(created_at),
            snippet=snippet(content, terms),
        )
        for message_id, session_id, name, role, created_at, content in rows[:limit]
    )
    return SearchPage(hits=hits, next_cursor=encode_cursor(binding, hits[-1].message_id) if len(rows) > limit else "")


def _query(terms: Sequence[str]) -> str:
    """Each term as a quoted prefix, so that nothing in it is an operator."""
    return " ".join('"{}" *'.format(term.replace('"', '""')) for term in terms)
