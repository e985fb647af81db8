"""Rows of `turns` and `events`. Every function is a part of one transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases
from atmos_ai_sidecar.adapters.postgres.leases import Lease, LockedSession
from atmos_ai_sidecar.adapters.storage.amounts import PRUNED_TURNS
from atmos_ai_sidecar.adapters.storage.values import from_json, to_json
from atmos_ai_sidecar.application.ports.journal import OpenTurn
from atmos_ai_sidecar.domain.event_codec import event_from_json, event_to_json, event_type
from atmos_ai_sidecar.domain.events import SessionEvent, StopReason, TurnEvent, TurnFinished
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import TurnInProgressError

_BEGIN = "INSERT INTO turns (session_id, turn_id, owner, author, started_at) VALUES (%s, %s, %s, %s, %s)"
_FINISH = "UPDATE turns SET finished_at = %s WHERE session_id = %s AND turn_id = %s AND finished_at IS NULL"
_TAKE_OVER = """
    UPDATE turns SET owner = %s WHERE session_id = %s AND turn_id = %s AND owner = %s AND finished_at IS NULL
"""
_OPEN = """
    SELECT turns.session_id, turns.turn_id, turns.owner,
        sessions.lease_turn = turns.turn_id AND sessions.lease_expires_at > clock_timestamp()
    FROM turns JOIN sessions ON sessions.id = turns.session_id
    WHERE finished_at IS NULL ORDER BY started_at, turns.session_id
"""
_LAST_SEQ = "SELECT last_seq FROM sessions WHERE id = %s"
_SET_LAST_SEQ = "UPDATE sessions SET last_seq = %s WHERE id = %s"
_ENDED_BEFORE = "SELECT session_id, turn_id FROM turns WHERE finished_at < %s ORDER BY finished_at LIMIT %s"
_FORGET_EVENTS = "DELETE FROM events WHERE session_id = %s AND turn_id = %s"
_FORGET_TURN = "DELETE FROM turns WHERE session_id = %s AND turn_id = %s"
_FORGET_BEYOND = """
    DELETE FROM events
    WHERE session_id = %s AND seq <= (SELECT last_seq FROM sessions WHERE id = %s) - %s
        AND turn_id NOT IN (SELECT turn_id FROM turns WHERE session_id = %s AND finished_at IS NULL)
"""
_INSERT = """
    INSERT INTO events (session_id, seq, turn_id, created_at, type, event, write_id) VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
_SELECT = "SELECT seq, turn_id, created_at, event FROM events WHERE session_id = %s"
_READ = f"{_SELECT} AND seq > %s ORDER BY seq LIMIT %s"
_OF_WRITE = f"{_SELECT} AND write_id = %s ORDER BY seq"
_TAKEN_OVER = TurnFinished(
    stop_reason=StopReason.INTERRUPTED,
    reason="INTERRUPTED",
    message="The sidecar that ran this turn did not answer for too long. What was said and done until then is kept.",
)


async def begin_turn(
    connection: AsyncConnection[Any],
    session_id: str,
    turn_id: str,
    *,
    owner: str,
    author: str,
    now: datetime,
    lease_seconds: float,
) -> Lease:
    """Gives the session's lease to ``owner``; a turn whose lease has run out is ended as interrupted.

    Raises:
        TurnInProgressError: Another turn holds the session; the error says who.
    """
    session = await leases.lock(connection, session_id)
    if (session.lease_turn, session.lease_owner) == (turn_id, owner):
        return Lease(owner=owner, turn_id=turn_id, epoch=session.lease_epoch)  # an earlier attempt got through
    if session.lease_turn and session.is_held:
        raise TurnInProgressError(session.name, session.lease_owner)
    if session.lease_turn:
        await _insert(connection, session, session.lease_turn, (_TAKEN_OVER,), now, write_id="")
        await connection.execute(_FINISH, (now, session_id, session.lease_turn))
    await connection.execute(_BEGIN, (session_id, turn_id, owner, author, now))
    return await leases.give(connection, session, owner, turn_id, lease_seconds)


async def finish_turn(
    connection: AsyncConnection[Any], session_id: str, turn_id: str, lease: Lease | None, now: datetime
) -> None:
    session = await leases.lock(connection, session_id)
    await _finish(connection, session, turn_id, lease, now)


async def take_over(
    connection: AsyncConnection[Any],
    session_id: str,
    turn_id: str,
    *,
    owner: str,
    previous_owner: str,
    lease_seconds: float,
) -> Lease | None:
    """Gives an open turn and its lease to ``owner``, if they still are ``previous_owner``'s; else None.

    The new epoch keeps a previous owner that comes back from writing.
    """
    session = await leases.lock(connection, session_id)
    done = await connection.execute(_TAKE_OVER, (owner, session_id, turn_id, previous_owner))
    return await leases.give(connection, session, owner, turn_id, lease_seconds) if done.rowcount else None


async def open_turns(connection: AsyncConnection[Any]) -> Sequence[tuple[OpenTurn, bool]]:
    """Turns that have not ended, each with whether its lease is held."""
    return tuple(
        (OpenTurn(session_id=SessionId(session_id), turn_id=turn_id, owner=owner), is_held)
        for session_id, turn_id, owner, is_held in await (await connection.execute(_OPEN)).fetchall()
    )


async def append(
    connection: AsyncConnection[Any],
    session_id: str,
    turn_id: str,
    events: Sequence[TurnEvent],
    *,
    lease: Lease | None,
    now: datetime,
    write_id: str,
) -> Sequence[SessionEvent]:
    """Appends under the session's row lock; ``write_id`` tells an earlier attempt at the same write."""
    session = await leases.lock(connection, session_id)
    written = await _events(connection, _OF_WRITE, (session_id, write_id))
    if written:
        return written
    session.require_writable(lease)
    stored = await _insert(connection, session, turn_id, events, now, write_id=write_id)
    if any(isinstance(event, TurnFinished) for event in events):
        # With the end in the journal the turn is over, whatever happens to this process next.
        await _finish(connection, session, turn_id, lease, now)
    return stored


async def read(connection: AsyncConnection[Any], session_id: str, after_seq: int, limit: int) -> Sequence[SessionEvent]:
    return await _events(connection, _READ, (session_id, after_seq, limit))


async def last_seq(connection: AsyncConnection[Any], session_id: str) -> int:
    row = await (await connection.execute(_LAST_SEQ, (session_id,))).fetchone()
    return 0 if row is None else int(row[0])


async def prune(connection: AsyncConnection[Any], session_id: str, before: datetime, keep: int) -> None:
    ended = await (await connection.execute(_ENDED_BEFORE, (before, PRUNED_TURNS))).fetchall()
    for turn in ended:
        await connection.execute(_FORGET_EVENTS, turn)
        await connection.execute(_FORGET_TURN, turn)
    await connection.execute(_FORGET_BEYOND, (session_id, session_id, keep, session_id))


async def _finish(
    connection: AsyncConnection[Any], session: LockedSession, turn_id: str, lease: Lease | None, now: datetime
) -> None:
    is_mine = lease is not None and lease.epoch == session.lease_epoch
    if session.lease_turn == turn_id:
        if session.is_held and not is_mine:
            return
        await leases.take_back(connection, session)
    await connection.execute(_FINISH, (now, session.id, turn_id))


async def _insert(
    connection: AsyncConnection[Any],
    session: LockedSession,
    turn_id: str,
    events: Sequence[TurnEvent],
    now: datetime,
    *,
    write_id: str,
) -> Sequence[SessionEvent]:
    stored = tuple(
        SessionEvent(seq=seq, turn_id=turn_id, time=now.astimezone(UTC), event=event)
        for seq, event in enumerate(events, start=session.last_seq + 1)
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            _INSERT,
            [
                (
                    session.id,
                    item.seq,
                    turn_id,
                    now,
                    event_type(item.event),
                    to_json(event_to_json(item.event)),
                    write_id,
                )
                for item in stored
            ],
        )
    await connection.execute(_SET_LAST_SEQ, (session.last_seq + len(stored), session.id))
    return stored


async def _events(connection: AsyncConnection[Any], sql: str, values: Sequence[Any]) -> tuple[SessionEvent, ...]:
    rows = await (await connection.execute(sql.encode(), values)).fetchall()
    return tuple(
        SessionEvent(seq=seq, turn_id=turn_id, time=time.astimezone(UTC), event=from_json(event, event_from_json))
        for seq, turn_id, time, event in rows
    )
