"""One database file: a connection that writes, one that reads, each on its own thread.

A transaction is one hop to a connection's thread. A task that is cancelled while it waits for its transaction does
not stop it: the transaction is written as a whole or, when it fails, not at all.
"""

import os
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar, cast

import aiosqlite

from atmos_ai_sidecar.adapters.sqlite.failures import translated
from atmos_ai_sidecar.adapters.sqlite.migrations import NEWEST_VERSION
from atmos_ai_sidecar.adapters.sqlite.schema import checked_version, migrate
from atmos_ai_sidecar.adapters.sqlite.transactions import Mode, transaction
from atmos_ai_sidecar.adapters.storage import files
from atmos_ai_sidecar.adapters.storage.failpoints import Failpoints
from atmos_ai_sidecar.adapters.storage.problems import unavailable
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.errors import StorageBusyError

T = TypeVar("T")
BUSY_TIMEOUT_SECONDS: Final = 5.0
MEMORY: Final = ":memory:"
_RETRY_SECONDS = 0.05
_WAL_LIMIT_BYTES = 16 * 1024 * 1024
_ITER_CHUNK_SIZE = 64


class _Connection(aiosqlite.Connection):
    """A connection that runs a whole function in one hop to its thread.

    The public methods hop once a statement, so that statements of another task, or a cancellation, could come
    between BEGIN and COMMIT.
    """

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        return cast("T", await self._execute(lambda: function(self._conn)))  # type: ignore[no-untyped-call]


class Database:
    """Transactions on one file."""

    def __init__(self, path: str, is_same_file: Callable[[], bool], writer: _Connection, reader: _Connection) -> None:
        self._path = path
        self._is_same_file = is_same_file
        self._writer = writer
        self._reader = reader
        self._failpoints = Failpoints.from_environment(os.environ)
        self._is_closed = False

    async def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Runs ``change`` in one transaction that is durable when this returns.

        Raises:
            StorageBusyError, StorageFullError, StorageCorruptError, StorageUnavailableError
        """
        return await self._writer.run(partial(self._written, change))

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Runs ``query`` on one consistent state that has everything written before.

        Raises:
            StorageBusyError, StorageCorruptError, StorageUnavailableError
        """
        return await self._reader.run(partial(self._transact, query, "DEFERRED"))

    async def close(self) -> None:
        """Waits for what is under way, empties the write-ahead log and closes the file; closing twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._reader is not self._writer:
                await self._reader.close()
            await self._writer.run(_checkpoint)
        finally:
            await self._writer.close()

    def _transact(self, function: Callable[[sqlite3.Connection], T], mode: Mode, connection: sqlite3.Connection) -> T:
        if not self._is_same_file():
            raise unavailable(self._path, "it was removed or replaced while it was in use")
        with translated(self._path), transaction(connection, mode):
            return function(connection)

    def _written(self, change: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection) -> T:
        """Writes between the places where a test may let the process die, named by the rows that change."""
        rows = getattr(change, "func", change).__module__.rpartition(".")[2].removesuffix("_rows")

        def observed(connection: sqlite3.Connection) -> T:
            self._failpoints.hit(f"{rows}.begin")
            result = change(connection)
            self._failpoints.hit(f"{rows}.commit")
            return result

        result = self._transact(observed, "IMMEDIATE", connection)
        self._failpoints.hit(f"{rows}.committed")
        return result


async def open_database(
    path: Path,
    clock: Clock,
    *,
    busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> Database:
    """Opens or creates the file and brings it to our schema. Nothing is ever overwritten.

    Raises:
        StorageBusyError, StorageFullError, StorageCorruptError, StorageUnavailableError, SchemaTooNewError
    """
    found = files.prepare_file(path)
    name = str(path)
    deadline = clock.monotonic() + busy_timeout_seconds
    while True:
        try:
            set_up = partial(_set_up_writer, path=name, clock=clock, progress=progress or Progress())
            writer = await _opened(name, busy_timeout_seconds, set_up)
            break
        except StorageBusyError:
            # SQLite does not wait for the lock that the switch to WAL needs when others open the file too.
            if clock.monotonic() >= deadline:
                raise
            await clock.sleep(_RETRY_SECONDS)
    try:
        reader = await _opened(name, busy_timeout_seconds, _set_up_reader)
    except BaseException:
        await writer.close()
        raise
    return Database(name, partial(files.is_same_file, path, found), writer, reader)


async def open_memory(clock: Clock) -> Database:
    """A database that is gone when it is closed."""
    set_up = partial(_set_up_writer, path=MEMORY, clock=clock, progress=Progress())
    connection = await _opened(MEMORY, BUSY_TIMEOUT_SECONDS, set_up)
    return Database(MEMORY, lambda: True, connection, connection)


async def _opened(path: str, busy_timeout_seconds: float, set_up: Callable[[sqlite3.Connection], None]) -> _Connection:
    def checked_set_up(opened: sqlite3.Connection) -> None:
        with translated(path):
            opened.execute(f"PRAGMA busy_timeout = {int(busy_timeout_seconds * 1000):d}")
            # Functions in a schema that somebody else wrote must not run.
            opened.execute("PRAGMA trusted_schema = OFF")
            set_up(opened)

    connection = _Connection(partial(_connect, path), _ITER_CHUNK_SIZE)
    await connection
    # Not a part of connecting: a connector that raises leaves its thread to report to a loop that may be closed.
    try:
        await connection.run(checked_set_up)
    except BaseException:
        await connection.close()
        raise
    return connection


def _connect(path: str) -> sqlite3.Connection:
    with translated(path):
        return sqlite3.connect(path, isolation_level=None)


def _set_up_writer(connection: sqlite3.Connection, *, path: str, clock: Clock, progress: Progress) -> None:
    # Looked at before the switch to WAL, which writes: a file that is not ours stays as it is.
    version = checked_version(connection, path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES:d}")
    if version < NEWEST_VERSION:
        migrate(connection, path, clock.now(), progress=progress)


def _set_up_reader(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA query_only = ON")


def _checkpoint(connection: sqlite3.Connection) -> None:
    # Another process that reads makes this do less, which is no error.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
