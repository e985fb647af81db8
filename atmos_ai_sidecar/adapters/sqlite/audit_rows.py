"""Rows of `audit`. Every function is a part of one transaction; no statement changes a row."""

import sqlite3
from collections.abc import Sequence

from atmos_ai_sidecar.domain.audit import AuditRow

_INSERT = "INSERT OR IGNORE INTO audit (chain, number, entry, code) VALUES (?, ?, ?, ?)"
_CODE = "SELECT code FROM audit WHERE chain = ? AND number = ?"
_AFTER = "SELECT chain, number, entry, code FROM audit WHERE chain = ? AND number > ? ORDER BY number LIMIT ?"
_BEFORE = "SELECT chain, number, entry, code FROM audit WHERE chain = ? AND number < ? ORDER BY number DESC LIMIT ?"

_REMOVE = "DELETE FROM audit WHERE chain = ? AND number <= ?"


def add(connection: sqlite3.Connection, row: AuditRow) -> bool:
    connection.execute(_INSERT, (row.chain, row.number, row.entry, row.code))
    return bool(connection.execute(_CODE, (row.chain, row.number)).fetchone() == (row.code,))


def after(connection: sqlite3.Connection, chain: str, number: int, limit: int) -> Sequence[AuditRow]:
    return _rows(connection.execute(_AFTER, (chain, number, limit)))


def before(connection: sqlite3.Connection, chain: str, number: int, limit: int) -> Sequence[AuditRow]:
    return _rows(connection.execute(_BEFORE, (chain, number, limit)))


def remove(connection: sqlite3.Connection, chain: str, up_to: int) -> None:
    connection.execute(_REMOVE, (chain, up_to))


def _rows(found: sqlite3.Cursor) -> Sequence[AuditRow]:
    # Somebody may have put anything there: a column keeps whatever type it is given.
    return tuple(
        AuditRow(chain=str(chain), number=int(number), entry=str(entry), code=str(code))
        for chain, number, entry, code in found
    )
