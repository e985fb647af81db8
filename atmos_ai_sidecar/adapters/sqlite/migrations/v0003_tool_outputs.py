"""Whole outputs of tools, for sessions to read again."""

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE tool_outputs (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        tool_call_id TEXT NOT NULL,
        tool TEXT NOT NULL,
        created_at TEXT NOT NULL,
        characters INTEGER NOT NULL,
        output TEXT NOT NULL,
        UNIQUE (session_id, tool_call_id)
    )
    """,
)
