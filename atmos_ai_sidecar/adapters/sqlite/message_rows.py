"""Rows of `messages`. Every function is a part of one transaction."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from atmos_ai_sidecar.adapters.sqlite import search_rows, session_rows
from atmos_ai_sidecar.adapters.storage.values import from_json, from_text_time, to_json, to_text, to_text_time
from atmos_ai_sidecar.application.ports.session_store import MessagePage
from atmos_ai_sidecar.domain.messages import Block, Message, Role, Usage, block_from_json, block_to_json

_SELECT = "SELECT id, session_id, role, turn_id, created_at, blocks, usage, author FROM messages"
_NEWEST_FIRST = f"{_SELECT} WHERE session_id = ? ORDER BY id DESC LIMIT ?"
_AFTER = f"{_SELECT} WHERE session_id = ? AND id > ? ORDER BY id LIMIT ?"
_BETWEEN = f"{_SELECT} WHERE session_id = ? AND id BETWEEN ? AND ? ORDER BY id"
_INSERT = """
    INSERT INTO messages (session_id, role, content, created_at, turn_id, blocks, usage, author)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
_COUNT = "UPDATE sessions SET message_count = message_count + ?, updated_at = max(updated_at, ?) WHERE id = ?"
_REPEATED = """
    SELECT first_message_id, last_message_id FROM idempotency_keys WHERE scope = ? AND request_id = ?
"""
_REMEMBER = """
    INSERT INTO idempotency_keys (scope, request_id, session_id, first_message_id, last_message_id, created_at)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_NO_LIMIT = -1


def append(
    connection: sqlite3.Connection, session_id: str, messages: Sequence[Message], request_id: str, now: datetime
) -> Sequence[Message]:
    session_rows.require(connection, session_id)
    scope = f"append_messages:{session_id}"
    if request_id:
        repeated = connection.execute(_REPEATED, (scope, request_id)).fetchone()
        if repeated is not None:
            return _messages(connection.execute(_BETWEEN, (session_id, *repeated)))
    stored = tuple(_insert(connection, session_id, message, now) for message in messages)
    if stored:
        connection.execute(_COUNT, (len(stored), to_text_time(now), session_id))
    if stored and request_id:
        values = (scope, request_id, session_id, stored[0].id, stored[-1].id, to_text_time(now))
        connection.execute(_REMEMBER, values)
    return stored


def newest(connection: sqlite3.Connection, session_id: str, limit: int) -> Sequence[Message]:
    session_rows.require(connection, session_id)
    return _messages(connection.execute(_NEWEST_FIRST, (session_id, limit or _NO_LIMIT)))[::-1]


def page(connection: sqlite3.Connection, session_id: str, after: int, limit: int) -> MessagePage:
    session_rows.require(connection, session_id)
    found = _messages(connection.execute(_AFTER, (session_id, after, limit + 1)))
    if len(found) <= limit:
        return MessagePage(messages=found, next_cursor=0)
    return MessagePage(messages=found[:limit], next_cursor=found[limit - 1].id)


def _insert(connection: sqlite3.Connection, session_id: str, message: Message, now: datetime) -> Message:
    create_time = (message.create_time or now).astimezone(UTC)
    content = to_text(message.text)
    values = (
        session_id,
        message.role,
        content,
        to_text_time(create_time),
        message.turn_id,
        to_json([block_to_json(block) for block in message.blocks]),
        None if message.usage is None else to_json(asdict(message.usage)),
        to_text(message.author),
    )
    number = connection.execute(_INSERT, values).lastrowid or 0
    search_rows.add(connection, number, content)
    return replace(message, id=number, session_id=session_id, create_time=create_time, blocks=tuple(message.blocks))


def _messages(rows: Iterable[Sequence[Any]]) -> tuple[Message, ...]:
    return tuple(_message(row) for row in rows)


def _message(row: Sequence[Any]) -> Message:
    number, session_id, role, turn_id, created_at, blocks, usage, author = row
    return Message(
        id=number,
        session_id=session_id,
        role=Role(role),
        turn_id=turn_id,
        create_time=from_text_time(created_at),
        blocks=from_json(blocks, _blocks),
        usage=None if usage is None else from_json(usage, lambda values: Usage(**values)),
        author=author,
    )


def _blocks(values: Any) -> tuple[Block, ...]:
    return tuple(block_from_json(value) for value in values)
