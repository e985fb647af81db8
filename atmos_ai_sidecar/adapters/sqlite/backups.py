"""Copies of a database, made before its data is changed for good."""

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path


def back_up(connection: sqlite3.Connection, target: Path) -> None:
    """Copies the whole database to ``target``, private and complete or not at all; an older copy stays as it is.

    Raises:
        sqlite3.Error: The copy could not be written; the database is untouched.
    """
    if os.path.lexists(target):
        return
    # A name of its own, because another process may be at the same step; the first to link wins.
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        with closing(sqlite3.connect(part)) as copy:
            connection.backup(copy)
            # The copy says that it is in WAL mode; alone it must not leave side files.
            copy.execute("PRAGMA journal_mode = DELETE")
        try:
            os.link(part, target)
        except FileExistsError:
            return
    finally:
        part.unlink(missing_ok=True)
