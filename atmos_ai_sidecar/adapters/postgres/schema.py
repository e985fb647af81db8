"""The tables, made by numbered migrations. A released migration is never changed: a new one is added."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.errors import DuplicateObject, DuplicateTable, UniqueViolation

from atmos_ai_sidecar.adapters.storage.problems import corrupt
from atmos_ai_sidecar.errors import SchemaTooNewError

_SESSIONS: Final = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        project_key TEXT NOT NULL,
        name TEXT NOT NULL,
        project_path TEXT NOT NULL,
        model TEXT NOT NULL,
        provider TEXT NOT NULL,
        author TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        updated_at TIMESTAMPTZ NOT NULL,
        metadata TEXT NOT NULL,
        archived BOOLEAN NOT NULL DEFAULT FALSE,
        revision BIGINT NOT NULL DEFAULT 1,
        message_count BIGINT NOT NULL DEFAULT 0,
        last_seq BIGINT NOT NULL DEFAULT 0,
        lease_owner TEXT NOT NULL DEFAULT '',
        lease_turn TEXT NOT NULL DEFAULT '',
        lease_epoch BIGINT NOT NULL DEFAULT 0,
        lease_expires_at TIMESTAMPTZ NOT NULL DEFAULT '1970-01-01T00:00:00Z',
        UNIQUE (project_key, name)
    )
    """,
    "CREATE INDEX sessions_by_update ON sessions (project_key, updated_at, id)",
    """
    CREATE TABLE messages (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq BIGINT NOT NULL,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        content_lower TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        turn_id TEXT NOT NULL,
        blocks TEXT NOT NULL,
        usage TEXT,
        author TEXT NOT NULL,
        write_id TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    )
    """,
    "CREATE INDEX messages_by_write ON messages (session_id, write_id)",
    """
    CREATE TABLE session_context (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        context_type TEXT NOT NULL,
        context_key TEXT NOT NULL,
        context_value TEXT NOT NULL,
        PRIMARY KEY (session_id, context_type, context_key)
    )
    """,
    """
    CREATE TABLE idempotency_keys (
        scope TEXT NOT NULL,
        request_id TEXT NOT NULL,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        first_seq BIGINT NOT NULL DEFAULT 0,
        last_seq BIGINT NOT NULL DEFAULT 0,
        PRIMARY KEY (scope, request_id)
    )
    """,
    """
    CREATE TABLE turns (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        author TEXT NOT NULL,
        started_at TIMESTAMPTZ NOT NULL,
        finished_at TIMESTAMPTZ,
        PRIMARY KEY (session_id, turn_id)
    )
    """,
    """
    CREATE TABLE events (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq BIGINT NOT NULL,
        turn_id TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        type TEXT NOT NULL,
        event TEXT NOT NULL,
        write_id TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    )
    """,
    "CREATE INDEX events_by_write ON events (session_id, write_id)",
    """
    CREATE TABLE permission_requests (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
        owner TEXT NOT NULL,
        author TEXT NOT NULL,
        request TEXT NOT NULL,
        outcome TEXT,
        resolved_by TEXT NOT NULL DEFAULT '',
        resolved_at TIMESTAMPTZ,
        comment TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX permission_requests_by_session ON permission_requests (session_id, number)",
)
_TOOL_OUTPUTS: Final = (
    """
    CREATE TABLE tool_outputs (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        tool_call_id TEXT NOT NULL,
        tool TEXT NOT NULL,
        created_at TIMESTAMPTZ NOT NULL,
        characters BIGINT NOT NULL,
        output TEXT NOT NULL,
        UNIQUE (session_id, tool_call_id)
    )
    """,
)
_COMPACTIONS: Final = (
    """
    CREATE TABLE compactions (
        number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        created_at TIMESTAMPTZ NOT NULL,
        summary TEXT NOT NULL,
        summarized_through BIGINT NOT NULL,
        pruned_through BIGINT NOT NULL,
        focus TEXT NOT NULL,
        usage TEXT NOT NULL
    )
    """,
    "CREATE INDEX compactions_by_session ON compactions (session_id, number)",
)
_AUDIT: Final = (
    """
    CREATE TABLE audit (
        chain TEXT NOT NULL,
        number BIGINT NOT NULL,
        author TEXT NOT NULL,
        entry TEXT NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (chain, number)
    )
    """,
)
MIGRATIONS: Final[Sequence[tuple[int, Sequence[str]]]] = (
    (1, _SESSIONS),
    (2, _TOOL_OUTPUTS),
    (3, _COMPACTIONS),
    (4, _AUDIT),
)
_TABLE = """
    CREATE TABLE IF NOT EXISTS schema_migrations (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL)
"""
_APPLIED = "SELECT version, checksum FROM schema_migrations ORDER BY version"
_RECORD = "INSERT INTO schema_migrations (version, checksum) VALUES (%s, %s)"


def checksum(statements: Sequence[str]) -> str:
    """What is recorded of a migration."""
    return hashlib.sha256("\n;\n".join(statements).encode()).hexdigest()


async def make_ledger(connection: AsyncConnection[Any]) -> None:
    """Creates the list of migrations where it is missing, also when several processes do so at once.

    IF NOT EXISTS looks before it locks: of two that start together one may find the name taken all the same.
    """
    try:
        async with connection.transaction():
            await connection.execute(_TABLE)
    except (DuplicateObject, DuplicateTable, UniqueViolation):
        return


async def migrate_once(connection: AsyncConnection[Any], place: str) -> bool:
    """Applies the next missing migration within the caller's transaction; False when there is none.

    Its record is written first, so that of two processes one waits for the other and then fails as a duplicate.

    Raises:
        SchemaTooNewError, StorageCorruptError
    """
    applied = await (await connection.execute(_APPLIED)).fetchall()
    if len(applied) > len(MIGRATIONS):
        raise SchemaTooNewError(
            f"The session store {place} has schema {len(applied)}; this program knows schemas up to {len(MIGRATIONS)}.",
            remedy="Update atmos-ai-sidecar.",
            path=place,
            found=str(len(applied)),
            known=str(len(MIGRATIONS)),
        )
    if applied != [(version, checksum(statements)) for version, statements in MIGRATIONS[: len(applied)]]:
        raise corrupt(place, "its recorded migrations are not those of this program")
    if len(applied) == len(MIGRATIONS):
        return False
    version, statements = MIGRATIONS[len(applied)]
    await connection.execute(_RECORD, (version, checksum(statements)))
    for statement in statements:
        await connection.execute(statement.encode())
    return True
