"""The audit trail. Rows belong to no session, so that they outlive them."""

from typing import Final

STATEMENTS: Final = (
    """
    CREATE TABLE audit (
        chain TEXT NOT NULL,
        number INTEGER NOT NULL,
        entry TEXT NOT NULL,
        code TEXT NOT NULL,
        PRIMARY KEY (chain, number)
    ) WITHOUT ROWID
    """,
)
