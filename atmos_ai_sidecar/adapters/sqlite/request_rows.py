"""Rows of `permission_requests`. Every function is a part of one transaction."""

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from atmos_ai_sidecar.adapters.sqlite import session_rows
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text, to_text_time
from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.domain.event_codec import request_from_json, request_to_json
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.errors import PermissionRequestNotFoundError

_SELECT = "SELECT number, request, outcome, resolved_by, resolved_at, comment FROM permission_requests"
_INSERT = """
    INSERT INTO permission_requests
        (id, session_id, turn_id, tool_call_id, owner, tool, digest, request, created_at, expires_at)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SETTLE = """
    UPDATE permission_requests SET outcome = ?, resolved_by = ?, resolved_at = ?, comment = ?
    WHERE id = ? AND outcome IS NULL
"""
_BY_ID = f"{_SELECT} WHERE id = ?"
_PENDING_OF_OWNER = f"{_SELECT} WHERE owner = ? AND outcome IS NULL ORDER BY number"
_BEFORE = " ORDER BY number DESC LIMIT ?"
_NEWEST_FIRST = {
    (False, False): f"{_SELECT} WHERE number < ?{_BEFORE}",
    (False, True): f"{_SELECT} WHERE number < ? AND outcome IS NULL{_BEFORE}",
    (True, False): f"{_SELECT} WHERE number < ? AND session_id = ?{_BEFORE}",
    (True, True): f"{_SELECT} WHERE number < ? AND session_id = ? AND outcome IS NULL{_BEFORE}",
}
"""By (of one session, pending only)."""
_AFTER_ALL = 2**63 - 1


def add(connection: sqlite3.Connection, request: PermissionRequest, owner: str) -> None:
    if request.session_id:
        session_rows.require(connection, request.session_id)
    values = (
        request.id,
        # A call outside any session must not be tied to one.
        request.session_id or None,
        request.turn_id,
        request.tool_call_id,
        owner,
        request.tool,
        request.digest,
        to_json(request_to_json(request)),
        to_text_time(request.create_time),
        to_text_time(request.expire_time),
    )
    connection.execute(_INSERT, values)


def settle(connection: sqlite3.Connection, request_id: str, settlement: Settlement) -> PermissionRequest:
    values = (
        settlement.outcome,
        to_text(settlement.resolved_by),
        to_text_time(settlement.resolve_time),
        to_text(settlement.comment),
        request_id,
    )
    connection.execute(_SETTLE, values)
    return get(connection, request_id)


def get(connection: sqlite3.Connection, request_id: str) -> PermissionRequest:
    row = connection.execute(_BY_ID, (request_id,)).fetchone()
    if row is None:
        raise PermissionRequestNotFoundError(request_id)
    return _request(row)


def page(
    connection: sqlite3.Connection, session_id: str, limit: int, cursor: str, *, pending_only: bool
) -> tuple[Sequence[PermissionRequest], str]:
    binding = ["permission_requests", session_id, pending_only]
    (before,) = decode_cursor(cursor, binding, int) if cursor else (_AFTER_ALL,)
    sql = _NEWEST_FIRST[bool(session_id), pending_only]
    found = [before, session_id, limit + 1] if session_id else [before, limit + 1]
    rows = connection.execute(sql, found).fetchall()
    next_cursor = encode_cursor(binding, rows[limit - 1][0]) if len(rows) > limit else ""
    return tuple(_request(row) for row in rows[:limit]), next_cursor


def pending_of_owner(connection: sqlite3.Connection, owner: str) -> Sequence[PermissionRequest]:
    return tuple(_request(row) for row in connection.execute(_PENDING_OF_OWNER, (owner,)))


def _request(row: Sequence[Any]) -> PermissionRequest:
    _, request, outcome, resolved_by, resolved_at, comment = row
    return replace(
        from_json(request, request_from_json),
        outcome=None if outcome is None else Answer(outcome),
        resolved_by=resolved_by,
        resolve_time=None if resolved_at is None else from_text_time(resolved_at),
        comment=comment,
    )
