"""Rows of `audit`. Every function is a part of one transaction; no statement changes a row."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.domain.audit import AuditRow

_INSERT = """
    INSERT INTO audit (chain, number, author, entry, code) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (chain, number) DO NOTHING
"""
_CODE = "SELECT code FROM audit WHERE chain = %s AND number = %s"
_AFTER = "SELECT chain, number, entry, code FROM audit WHERE chain = %s AND number > %s ORDER BY number LIMIT %s"
_BEFORE = """
    SELECT chain, number, entry, code FROM audit WHERE chain = %s AND number < %s ORDER BY number DESC LIMIT %s
"""

_REMOVE = "DELETE FROM audit WHERE chain = %s AND number <= %s"


async def add(connection: AsyncConnection[Any], row: AuditRow, author: str) -> bool:
    await connection.execute(_INSERT, (row.chain, row.number, author, row.entry, row.code))
    found = await (await connection.execute(_CODE, (row.chain, row.number))).fetchone()
    return found == (row.code,)


async def after(connection: AsyncConnection[Any], chain: str, number: int, limit: int) -> Sequence[AuditRow]:
    return _rows(await (await connection.execute(_AFTER, (chain, number, limit))).fetchall())


async def before(connection: AsyncConnection[Any], chain: str, number: int, limit: int) -> Sequence[AuditRow]:
    return _rows(await (await connection.execute(_BEFORE, (chain, number, limit))).fetchall())


async def remove(connection: AsyncConnection[Any], chain: str, up_to: int) -> None:
    await connection.execute(_REMOVE, (chain, up_to))


def _rows(found: Sequence[Sequence[Any]]) -> Sequence[AuditRow]:
    return tuple(AuditRow(chain=chain, number=number, entry=entry, code=code) for chain, number, entry, code in found)
