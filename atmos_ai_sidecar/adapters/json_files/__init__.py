"""Sessions as JSON Lines, one file a session; turns, events and permission requests in SQLite beside them."""

from pathlib import Path

from atmos_ai_sidecar.adapters.json_files.folder import BUSY_TIMEOUT_SECONDS, Folder
from atmos_ai_sidecar.adapters.json_files.store import JsonFilesStore
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.application.ports.clock import Clock

__all__ = ["JsonFilesStore", "open_json_store"]


async def open_json_store(
    directory: Path, clock: Clock, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS
) -> JsonFilesStore:
    """Opens or creates the folder of session files and the journal beside it, ``journal.db``.

    Raises:
        StorageUnavailableError, StorageCorruptError, StorageBusyError, StorageFullError, SchemaTooNewError
    """
    folder = Folder(directory / "json", busy_timeout_seconds=busy_timeout_seconds)
    beside = await open_sqlite_store(directory / "journal.db", clock, busy_timeout_seconds=busy_timeout_seconds)
    return JsonFilesStore(folder, beside, clock)
