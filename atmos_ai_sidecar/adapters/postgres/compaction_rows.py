"""Rows of `compactions`. Every function is a part of one transaction."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.messages import Usage

_INSERT = """
    INSERT INTO compactions (session_id, created_at, summary, summarized_through, pruned_through, focus, usage)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_NEWEST = """
    SELECT summary, summarized_through, pruned_through, focus, usage FROM compactions WHERE session_id = %s
    ORDER BY number DESC LIMIT 1
"""
_USAGES = "SELECT usage FROM compactions WHERE session_id = %s ORDER BY number"


async def add(connection: AsyncConnection[Any], session_id: str, compaction: Compaction, now: datetime) -> None:
    await leases.lock(connection, session_id)
    values = (
        session_id,
        now,
        column_text(compaction.summary),
        compaction.summarized_through,
        compaction.pruned_through,
        column_text(compaction.focus),
        json.dumps(asdict(compaction.usage)),
    )
    await connection.execute(_INSERT, values)


async def newest(connection: AsyncConnection[Any], session_id: str) -> Compaction | None:
    row = await (await connection.execute(_NEWEST, (column_text(session_id),))).fetchone()
    if row is None:
        return None
    summary, summarized_through, pruned_through, focus, usage_json = row
    return Compaction(
        summary=summary,
        summarized_through=summarized_through,
        pruned_through=pruned_through,
        focus=focus,
        usage=Usage(**json.loads(usage_json)),
    )


async def usage(connection: AsyncConnection[Any], session_id: str) -> Usage:
    rows = await (await connection.execute(_USAGES, (column_text(session_id),))).fetchall()
    return sum((Usage(**json.loads(row[0])) for row in rows), Usage())
