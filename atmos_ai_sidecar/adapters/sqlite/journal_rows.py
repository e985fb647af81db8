"""Rows of `turns` and `events`. Every function is a part of one transaction."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime

from atmos_ai_sidecar.adapters.storage.amounts import PRUNED_TURNS
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text_time
from atmos_ai_sidecar.application.ports.journal import OpenTurn
from atmos_ai_sidecar.domain.event_codec import event_from_json, event_to_json, event_type
from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError, TurnInProgressError

_NAME = "SELECT name FROM sessions WHERE id = ?"
_IS_OPEN = "SELECT 1 FROM turns WHERE session_id = ? AND finished_at IS NULL"
_BEGIN = "INSERT INTO turns (session_id, turn_id, owner, started_at) VALUES (?, ?, ?, ?)"
_FINISH = "UPDATE turns SET finished_at = ? WHERE session_id = ? AND turn_id = ? AND finished_at IS NULL"
_TAKE_OVER = """
    UPDATE turns SET owner = ? WHERE session_id = ? AND turn_id = ? AND owner = ? AND finished_at IS NULL
"""
_OPEN = "SELECT session_id, turn_id, owner FROM turns WHERE finished_at IS NULL ORDER BY started_at, session_id"
_LAST_SEQ = "SELECT last_seq FROM sessions WHERE id = ?"
_SET_LAST_SEQ = "UPDATE sessions SET last_seq = ? WHERE id = ?"
_INSERT = "INSERT INTO events (session_id, seq, turn_id, created_at, type, event) VALUES (?, ?, ?, ?, ?, ?)"
_ENDED_BEFORE = "SELECT session_id, turn_id FROM turns WHERE finished_at < ? ORDER BY finished_at LIMIT ?"
_FORGET_EVENTS = "DELETE FROM events WHERE session_id = ? AND turn_id = ?"
_FORGET_TURN = "DELETE FROM turns WHERE session_id = ? AND turn_id = ?"
_FORGET_BEYOND = """
    DELETE FROM events
    WHERE session_id = :session_id AND seq <= (SELECT last_seq FROM sessions WHERE id = :session_id) - :keep
        AND turn_id NOT IN (SELECT turn_id FROM turns WHERE session_id = :session_id AND finished_at IS NULL)
"""
_READ = "SELECT seq, turn_id, created_at, event FROM events WHERE session_id = ? AND seq > ? ORDER BY seq LIMIT ?"


def begin_turn(connection: sqlite3.Connection, session_id: str, turn_id: str, owner: str, now: datetime) -> None:
    session = connection.execute(_NAME, (session_id,)).fetchone()
    if session is None:
        raise SessionNotFoundError(session_id)
    if connection.execute(_IS_OPEN, (session_id,)).fetchone() is not None:
        raise TurnInProgressError(session[0])
    connection.execute(_BEGIN, (session_id, turn_id, owner, to_text_time(now)))


def finish_turn(connection: sqlite3.Connection, session_id: str, turn_id: str, now: datetime) -> None:
    connection.execute(_FINISH, (to_text_time(now), session_id, turn_id))


def take_over(connection: sqlite3.Connection, session_id: str, turn_id: str, owner: str, previous_owner: str) -> bool:
    return connection.execute(_TAKE_OVER, (owner, session_id, turn_id, previous_owner)).rowcount == 1


def open_turns(connection: sqlite3.Connection) -> Sequence[OpenTurn]:
    return tuple(
        OpenTurn(session_id=SessionId(session_id), turn_id=turn_id, owner=owner)
        for session_id, turn_id, owner in connection.execute(_OPEN)
    )


def append(
    connection: sqlite3.Connection, session_id: str, turn_id: str, events: Sequence[TurnEvent], now: datetime
) -> Sequence[SessionEvent]:
    seq = _required_last_seq(connection, session_id)
    stored = tuple(
        SessionEvent(seq=seq + place, turn_id=turn_id, time=now.astimezone(UTC), event=event)
        for place, event in enumerate(events, start=1)
    )
    created_at = to_text_time(now)
    connection.executemany(
        _INSERT,
        (
            (session_id, item.seq, turn_id, created_at, event_type(item.event), to_json(event_to_json(item.event)))
            for item in stored
        ),
    )
    connection.execute(_SET_LAST_SEQ, (seq + len(stored), session_id))
    if any(isinstance(event, TurnFinished) for event in events):
        # With the end in the journal the turn is over, whatever happens to this process next.
        finish_turn(connection, session_id, turn_id, now)
    return stored


def read(connection: sqlite3.Connection, session_id: str, after_seq: int, limit: int) -> Sequence[SessionEvent]:
    return tuple(
        SessionEvent(seq=seq, turn_id=turn_id, time=from_text_time(time), event=from_json(event, event_from_json))
        for seq, turn_id, time, event in connection.execute(_READ, (session_id, after_seq, limit))
    )


def last_seq(connection: sqlite3.Connection, session_id: str) -> int:
    row = connection.execute(_LAST_SEQ, (session_id,)).fetchone()
    return 0 if row is None else int(row[0])


def prune(connection: sqlite3.Connection, session_id: str, before: datetime, keep: int) -> None:
    for turn in connection.execute(_ENDED_BEFORE, (to_text_time(before), PRUNED_TURNS)).fetchall():
        connection.execute(_FORGET_EVENTS, turn)
        connection.execute(_FORGET_TURN, turn)
    connection.execute(_FORGET_BEYOND, {"session_id": session_id, "keep": keep})


def _required_last_seq(connection: sqlite3.Connection, session_id: str) -> int:
    row = connection.execute(_LAST_SEQ, (session_id,)).fetchone()
    if row is None:
        raise SessionNotFoundError(session_id)
    return int(row[0])
