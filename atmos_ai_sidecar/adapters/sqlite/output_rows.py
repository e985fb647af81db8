"""Rows of `tool_outputs`. Every function is a part of one transaction."""

import sqlite3
from datetime import datetime

from atmos_ai_sidecar.adapters.sqlite import session_rows
from atmos_ai_sidecar.adapters.storage import amounts
from atmos_ai_sidecar.adapters.storage.values import to_text, to_text_time
from atmos_ai_sidecar.application.ports.tool_outputs import OutputPage

_REPLACE = "DELETE FROM tool_outputs WHERE session_id = ? AND tool_call_id = ?"
_INSERT = """
    INSERT INTO tool_outputs (session_id, tool_call_id, tool, created_at, characters, output) VALUES (?, ?, ?, ?, ?, ?)
"""
_PRUNE = """
    DELETE FROM tool_outputs WHERE number IN (
        SELECT number FROM (
            SELECT number,
                SUM(characters) OVER (ORDER BY number DESC) AS kept,
                ROW_NUMBER() OVER (ORDER BY number DESC) AS place
            FROM tool_outputs WHERE session_id = ?
        ) WHERE kept > ? AND place > 1
    )
"""
_PAGE = """
    SELECT tool, SUBSTR(output, ?, ?), characters FROM tool_outputs WHERE session_id = ? AND tool_call_id = ?
"""


def save(
    connection: sqlite3.Connection, session_id: str, tool_call_id: str, *, tool: str, text: str, now: datetime
) -> None:
    session_rows.require(connection, session_id)
    connection.execute(_REPLACE, (session_id, tool_call_id))
    # SQLite's text functions stop at a zero character.
    kept = to_text(text.replace("\0", "\N{REPLACEMENT CHARACTER}"))
    values = (session_id, tool_call_id, tool, to_text_time(now), len(kept), kept)
    connection.execute(_INSERT, values)
    connection.execute(_PRUNE, (session_id, amounts.KEPT_CHARACTERS))


def page(
    connection: sqlite3.Connection, session_id: str, tool_call_id: str, *, offset: int, limit: int
) -> OutputPage | None:
    row = connection.execute(_PAGE, (offset + 1, limit, session_id, tool_call_id)).fetchone()
    return None if row is None else OutputPage(tool=row[0], text=row[1], total=row[2])
