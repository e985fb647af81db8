"""Rows of `tool_outputs`. Every function is a part of one transaction."""

from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.adapters.storage import amounts
from atmos_ai_sidecar.application.ports.tool_outputs import OutputPage

_REPLACE = "DELETE FROM tool_outputs WHERE session_id = %s AND tool_call_id = %s"
_INSERT = """
    INSERT INTO tool_outputs (session_id, tool_call_id, tool, created_at, characters, output)
    VALUES (%s, %s, %s, %s, %s, %s)
"""
_PRUNE = """
    DELETE FROM tool_outputs WHERE number IN (
        SELECT number FROM (
            SELECT number,
                SUM(characters) OVER (ORDER BY number DESC) AS kept,
                ROW_NUMBER() OVER (ORDER BY number DESC) AS place
            FROM tool_outputs WHERE session_id = %s
        ) AS sizes WHERE kept > %s AND place > 1
    )
"""
_PAGE = """
    SELECT tool, SUBSTR(output, %s::INT, %s::INT), characters FROM tool_outputs
    WHERE session_id = %s AND tool_call_id = %s
"""


async def save(
    connection: AsyncConnection[Any], session_id: str, tool_call_id: str, *, tool: str, text: str, now: datetime
) -> None:
    await leases.lock(connection, session_id)
    await connection.execute(_REPLACE, (session_id, column_text(tool_call_id)))
    kept = column_text(text)
    values = (session_id, column_text(tool_call_id), column_text(tool), now, len(kept), kept)
    await connection.execute(_INSERT, values)
    await connection.execute(_PRUNE, (session_id, amounts.KEPT_CHARACTERS))


async def page(
    connection: AsyncConnection[Any], session_id: str, tool_call_id: str, *, offset: int, limit: int
) -> OutputPage | None:
    values = (offset + 1, limit, column_text(session_id), column_text(tool_call_id))
    row = await (await connection.execute(_PAGE, values)).fetchone()
    return None if row is None else OutputPage(tool=row[0], text=row[1], total=row[2])
