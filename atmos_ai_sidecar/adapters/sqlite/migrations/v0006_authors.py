"""Who said a message: empty for one that was said here, known for one that came from a store of several people."""

from typing import Final

STATEMENTS: Final = ("ALTER TABLE messages ADD COLUMN author TEXT NOT NULL DEFAULT ''",)
