"""Rows of `messages`. Every function is a part of one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from psycopg import AsyncConnection

from atmos_ai_sidecar.adapters.postgres import leases, session_rows
from atmos_ai_sidecar.adapters.postgres.leases import Lease
from atmos_ai_sidecar.adapters.postgres.session_rows import Author
from atmos_ai_sidecar.adapters.postgres.values import column_text
from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text_time
from atmos_ai_sidecar.application.ports.message_search import SearchHit, SearchPage
from atmos_ai_sidecar.application.ports.session_store import MessagePage
from atmos_ai_sidecar.domain.messages import Message, Role, Usage, block_from_json, block_to_json
from atmos_ai_sidecar.domain.search import snippet
from atmos_ai_sidecar.domain.sessions import SessionId

_SELECT = "SELECT seq, session_id, role, turn_id, created_at, blocks, usage, author FROM messages WHERE session_id = %s"
_ALL = f"{_SELECT} ORDER BY seq DESC"
_NEWEST_FIRST = f"{_ALL} LIMIT %s"
_AFTER = f"{_SELECT} AND seq > %s ORDER BY seq LIMIT %s"
_BETWEEN = f"{_SELECT} AND seq BETWEEN %s AND %s ORDER BY seq"
_OF_WRITE = f"{_SELECT} AND write_id = %s ORDER BY seq"
_INSERT = """
    INSERT INTO messages
        (session_id, seq, role, content, content_lower, created_at, turn_id, blocks, usage, author, write_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_COUNT = "UPDATE sessions SET message_count = %s, updated_at = GREATEST(updated_at, %s) WHERE id = %s"
_REPEATED = "SELECT first_seq, last_seq FROM idempotency_keys WHERE scope = %s AND request_id = %s"
_REMEMBER = """
    INSERT INTO idempotency_keys (scope, request_id, session_id, first_seq, last_seq) VALUES (%s, %s, %s, %s, %s)
"""
_FIND = """
    SELECT seq, session_id, name, role, messages.created_at, content
    FROM messages JOIN sessions ON sessions.id = session_id
    WHERE project_key = %s AND (messages.created_at, session_id, seq) < (%s, %s, %s)
"""
_HAS_TERM = " AND content_lower LIKE %s"
_NEWEST_HITS = " ORDER BY messages.created_at DESC, session_id DESC, seq DESC LIMIT %s"
_AFTER_ALL = (datetime.max.replace(tzinfo=UTC), "~", 2**63 - 1)


async def append(
    connection: AsyncConnection[Any],
    session_id: str,
    messages: Sequence[Message],
    *,
    lease: Lease | None,
    author: Author,
    now: datetime,
    write_id: str,
    request_id: str = "",
) -> Sequence[Message]:
    """Appends under the session's row lock; ``write_id`` tells an earlier attempt at the same write."""
    session = await leases.lock(connection, session_id)
    scope = f"append_messages:{session_id}"
    if request_id:
        repeated = await (await connection.execute(_REPEATED, (scope, request_id))).fetchone()
        if repeated is not None:
            return await _messages(connection, _BETWEEN, (session_id, *repeated))
    written = await _messages(connection, _OF_WRITE, (session_id, write_id))
    if written:
        return written
    session.require_writable(lease)
    stored = tuple(
        replace(
            message,
            id=number,
            session_id=session_id,
            create_time=(message.create_time or now).astimezone(UTC),
            blocks=tuple(message.blocks),
            author=message.author or author.name,
        )
        for number, message in enumerate(messages, start=session.message_count + 1)
    )
    if not stored:
        return ()
    async with connection.cursor() as cursor:
        await cursor.executemany(_INSERT, [_values(message, write_id) for message in stored])
    await connection.execute(_COUNT, (stored[-1].id, now, session_id))
    if request_id:
        await connection.execute(_REMEMBER, (scope, request_id, session_id, stored[0].id, stored[-1].id))
    return stored


async def newest(connection: AsyncConnection[Any], session_id: str, limit: int, author: Author) -> Sequence[Message]:
    await session_rows.get(connection, session_id, author)
    if not limit:
        return (await _messages(connection, _ALL, (session_id,)))[::-1]
    return (await _messages(connection, _NEWEST_FIRST, (session_id, limit)))[::-1]


async def page(
    connection: AsyncConnection[Any], session_id: str, after: int, limit: int, author: Author
) -> MessagePage:
    await session_rows.get(connection, session_id, author)
    found = await _messages(connection, _AFTER, (session_id, after, limit + 1))
    return MessagePage(messages=found[:limit], next_cursor=found[limit - 1].id if len(found) > limit else 0)


async def find(
    connection: AsyncConnection[Any],
    project_path: str,
    terms: Sequence[str],
    *,
    limit: int,
    cursor: str,
    author: Author,
) -> SearchPage:
    key = author.projects.key_of(project_path)
    binding = ["search", key, *terms]
    before: tuple[datetime, str, int] = _AFTER_ALL
    if cursor:
        time, session_id, seq = decode_cursor(cursor, binding, str, str, str)
        before = from_text_time(time), session_id, int(seq)
    sql = _FIND + _HAS_TERM * len(terms) + _NEWEST_HITS
    values = (column_text(key), *before, *(_pattern(term) for term in terms), limit + 1)
    rows = await (await connection.execute(sql.encode(), values)).fetchall()
    hits = tuple(
        SearchHit(
            session_id=SessionId(session_id),
            session_name=name,
            message_id=seq,
            role=Role(role),
            create_time=created_at.astimezone(UTC),
            snippet=snippet(content, terms),
        )
        for seq, session_id, name, role, created_at, content in rows[:limit]
    )
    if len(rows) <= limit:
        return SearchPage(hits=hits, next_cursor="")
    last = hits[-1]
    place = (to_text_time(last.create_time), last.session_id, str(last.message_id))
    return SearchPage(hits=hits, next_cursor=encode_cursor(binding, *place))


def _pattern(term: str) -> str:
    escaped = term.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{column_text(escaped)}%"


def _values(message: Message, write_id: str) -> tuple[Any, ...]:
    content = column_text(message.text)
    return (
        message.session_id,
        message.id,
        str(message.role),
        content,
        content.lower(),
        message.create_time,
        message.turn_id,
        to_json([block_to_json(block) for block in message.blocks]),
        None if message.usage is None else to_json(asdict(message.usage)),
        column_text(message.author),
        write_id,
    )


async def _messages(connection: AsyncConnection[Any], sql: str, values: Sequence[Any]) -> tuple[Message, ...]:
    rows = await (await connection.execute(sql.encode(), values)).fetchall()
    return tuple(_message(row) for row in rows)


def _message(row: Sequence[Any]) -> Message:
    number, session_id, role, turn_id, created_at, blocks, usage, author = row
    return Message(
        id=number,
        session_id=session_id,
        role=Role(role),
        turn_id=turn_id,
        create_time=created_at.astimezone(UTC),
        blocks=from_json(blocks, lambda values: tuple(block_from_json(value) for value in values)),
        usage=None if usage is None else from_json(usage, lambda values: Usage(**values)),
        author=author,
    )
