"""Rows of `permission_requests`. Every function is a part of one transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_json, to_json
from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.domain.event_codec import request_from_json, request_to_json
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.errors import PermissionRequestNotFoundError

_SELECT = "SELECT number, request, outcome, resolved_by, resolved_at, comment FROM permission_requests"
_INSERT = """
    INSERT INTO permission_requests (id, session_id, owner, author, request) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (id) DO NOTHING
"""
_SETTLE = """
    UPDATE permission_requests SET outcome = %s, resolved_by = %s, resolved_at = %s, comment = %s
    WHERE id = %s AND outcome IS NULL
"""
_BY_ID = f"{_SELECT} WHERE id = %s"
_PENDING_OF_OWNER = f"{_SELECT} WHERE owner = %s AND outcome IS NULL ORDER BY number"
_BEFORE = f"{_SELECT} WHERE number < %s"
_OF_SESSION = " AND session_id = %s"
_PENDING = " AND outcome IS NULL"
_NEWEST = " ORDER BY number DESC LIMIT %s"
_AFTER_ALL = 2**63 - 1


async def add(connection: AsyncConnection[Any], request: PermissionRequest, owner: str, author: str) -> None:
    if request.session_id:
        await leases.lock(connection, request.session_id)
    values = (request.id, request.session_id or None, owner, author, to_json(request_to_json(request)))
    await connection.execute(_INSERT, values)


async def settle(connection: AsyncConnection[Any], request_id: str, settlement: Settlement) -> PermissionRequest:
    values = (
        str(settlement.outcome),
        column_text(settlement.resolved_by),
        settlement.resolve_time,
        column_text(settlement.comment),
        request_id,
    )
    await connection.execute(_SETTLE, values)
    return await get(connection, request_id)


async def get(connection: AsyncConnection[Any], request_id: str) -> PermissionRequest:
    row = await (await connection.execute(_BY_ID, (column_text(request_id),))).fetchone()
    if row is None:
        raise PermissionRequestNotFoundError(request_id)
    return _request(row)


async def page(
    connection: AsyncConnection[Any], session_id: str, limit: int, cursor: str, *, pending_only: bool
) -> tuple[Sequence[PermissionRequest], str]:
    binding = ["permission_requests", session_id, pending_only]
    (before,) = decode_cursor(cursor, binding, int) if cursor else (_AFTER_ALL,)
    sql = _BEFORE + _OF_SESSION * bool(session_id) + _PENDING * pending_only + _NEWEST
    values = (before, *([session_id] if session_id else []), limit + 1)
    rows = await (await connection.execute(sql.encode(), values)).fetchall()
    next_cursor = encode_cursor(binding, rows[limit - 1][0]) if len(rows) > limit else ""
    return tuple(_request(row) for row in rows[:limit]), next_cursor


async def pending_of_owner(connection: AsyncConnection[Any], owner: str) -> Sequence[PermissionRequest]:
    rows = await (await connection.execute(_PENDING_OF_OWNER, (owner,))).fetchall()
    return tuple(_request(row) for row in rows)


def _request(row: Sequence[Any]) -> PermissionRequest:
    _, request, outcome, resolved_by, resolved_at, comment = row
    return replace(
        from_json(request, request_from_json),
        outcome=None if outcome is None else Answer(outcome),
        resolved_by=resolved_by,
        resolve_time=None if resolved_at is None else resolved_at.astimezone(UTC),
        comment=comment,
    )
