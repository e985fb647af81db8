"""How the model sees a long session: its summary and how far tool outputs are stubs."""

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE compactions (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
        created_at TEXT NOT NULL,
        summary TEXT NOT NULL,
        summarized_through INTEGER NOT NULL,
        pruned_through INTEGER NOT NULL,
        focus TEXT NOT NULL,
        usage TEXT NOT NULL
    )
    """,
    "CREATE INDEX compactions_by_session ON compactions (session_id, number)",
)
