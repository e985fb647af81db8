"""Rows of `compactions`. Every function is a part of one transaction."""

import sqlite3
from dataclasses import asdict
from datetime import datetime

from atmos_ai_sidecar.adapters.sqlite import session_rows
from atmos_ai_sidecar.adapters.storage.values import from_json, to_json, to_text, to_text_time
from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.messages import Usage

_INSERT = """
    INSERT INTO compactions (session_id, created_at, summary, summarized_through, pruned_through, focus, usage)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_NEWEST = """
    SELECT summary, summarized_through, pruned_through, focus, usage FROM compactions WHERE session_id = ?
    ORDER BY number DESC LIMIT 1
"""
_USAGES = "SELECT usage FROM compactions WHERE session_id = ? ORDER BY number"


def add(connection: sqlite3.Connection, session_id: str, compaction: Compaction, now: datetime) -> None:
    session_rows.require(connection, session_id)
    values = (
        session_id,
        to_text_time(now),
        to_text(compaction.summary),
        compaction.summarized_through,
        compaction.pruned_through,
        to_text(compaction.focus),
        to_json(asdict(compaction.usage)),
    )
    connection.execute(_INSERT, values)


def newest(connection: sqlite3.Connection, session_id: str) -> Compaction | None:
    row = connection.execute(_NEWEST, (session_id,)).fetchone()
    if row is None:
        return None
    summary, summarized_through, pruned_through, focus, usage = row
    return Compaction(
        summary=summary,
        summarized_through=summarized_through,
        pruned_through=pruned_through,
        focus=focus,
        usage=_usage(usage),
    )


def usage(connection: sqlite3.Connection, session_id: str) -> Usage:
    return sum((_usage(row[0]) for row in connection.execute(_USAGES, (session_id,))), Usage())


def _usage(text: str) -> Usage:
    return from_json(text, lambda values: Usage(**values))
