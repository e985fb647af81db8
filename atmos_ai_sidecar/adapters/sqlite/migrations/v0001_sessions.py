"""The tables of the original design with the columns that structure needs, and journal and permission requests."""

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        project_path TEXT NOT NULL,
        model TEXT NOT NULL,
        provider TEXT NOT NULL,
        created_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        metadata TEXT NOT NULL DEFAULT '{}',
        archived INTEGER NOT NULL DEFAULT 0,
        revision INTEGER NOT NULL DEFAULT 1,
        message_count INTEGER NOT NULL DEFAULT 0,
        last_seq INTEGER NOT NULL DEFAULT 0,
        UNIQUE (project_path, name)
    )
    """,
    "CREATE INDEX sessions_by_update ON sessions (project_path, updated_at, id)",
    "CREATE INDEX sessions_in_use_by_update ON sessions (project_path, updated_at, id) WHERE archived = 0",
    """
    CREATE TABLE messages (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        role TEXT NOT NULL,
        content TEXT NOT NULL,
        created_at TEXT NOT NULL,
        turn_id TEXT NOT NULL DEFAULT '',
        blocks TEXT NOT NULL,
        usage TEXT
    )
    """,
    "CREATE INDEX messages_by_session ON messages (session_id, id)",
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
        first_message_id INTEGER NOT NULL DEFAULT 0,
        last_message_id INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL,
        PRIMARY KEY (scope, request_id)
    )
    """,
    "CREATE INDEX idempotency_keys_by_session ON idempotency_keys (session_id)",
    """
    CREATE TABLE turns (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        started_at TEXT NOT NULL,
        finished_at TEXT,
        PRIMARY KEY (session_id, turn_id)
    )
    """,
    "CREATE UNIQUE INDEX turns_open ON turns (session_id) WHERE finished_at IS NULL",
    """
    CREATE TABLE events (
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        seq INTEGER NOT NULL,
        turn_id TEXT NOT NULL,
        created_at TEXT NOT NULL,
        type TEXT NOT NULL,
        event TEXT NOT NULL,
        PRIMARY KEY (session_id, seq)
    )
    """,
    """
    CREATE TABLE permission_requests (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        session_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,
        turn_id TEXT NOT NULL,
        tool_call_id TEXT NOT NULL,
        owner TEXT NOT NULL,
        tool TEXT NOT NULL,
        digest TEXT NOT NULL,
        request TEXT NOT NULL,
        created_at TEXT NOT NULL,
        expires_at TEXT NOT NULL,
        outcome TEXT,
        resolved_by TEXT NOT NULL DEFAULT '',
        resolved_at TEXT,
        comment TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX permission_requests_by_session ON permission_requests (session_id, number)",
    "CREATE INDEX permission_requests_pending ON permission_requests (owner, number) WHERE outcome IS NULL",
)
