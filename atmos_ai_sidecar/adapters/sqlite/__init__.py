"""Sessions, journal and permission requests in SQLite."""

from pathlib import Path

from atmos_ai_sidecar.adapters.sqlite.database import BUSY_TIMEOUT_SECONDS, open_database, open_memory
from atmos_ai_sidecar.adapters.sqlite.store import SqliteStore
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress

__all__ = ["BUSY_TIMEOUT_SECONDS", "SqliteStore", "open_memory_store", "open_sqlite_store"]


async def open_sqlite_store(
    path: Path,
    clock: Clock,
    *,
    busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS,
    progress: Progress | None = None,
) -> SqliteStore:
    """Opens or creates the store. A file that is not exactly ours is refused and never written.

    ``progress`` is told of the steps that bring an older file up to date.

    Raises:
        StorageUnavailableError: A link is in the way, or the file or its folder cannot be written.
        StorageCorruptError: The file is damaged or has an object that is not ours.
        SchemaTooNewError: A newer version of this program wrote it.
        StorageBusyError: Another process holds it locked for longer than the timeout.
        StorageFullError: There is no space to create it.
    """
    database = await open_database(path, clock, busy_timeout_seconds=busy_timeout_seconds, progress=progress)
    return SqliteStore(database, clock)


async def open_memory_store(clock: Clock) -> SqliteStore:
    """A store that forgets everything when it is closed, for `ai.sessions.enabled: false`."""
    return SqliteStore(await open_memory(clock), clock)
