"""Full-text search over the messages, with an index of what is already there. Source: SQLite's FTS5, chapter 4.4.3.

The index takes its texts from `messages`, so whoever deletes messages tells it before; a trigger would be simpler, but
a schema without triggers is easier to trust.
"""

from typing import Final

STATEMENTS: Final = (
    """
    CREATE VIRTUAL TABLE messages_fts USING fts5 (content, content='messages', content_rowid='id')
    """,
    "INSERT INTO messages_fts (messages_fts) VALUES ('rebuild')",
)
