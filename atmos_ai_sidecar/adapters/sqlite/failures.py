"""SQLite's errors as errors of ours; the only place that reads its codes."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from atmos_ai_sidecar.adapters.storage.problems import busy, corrupt, full, unavailable
from atmos_ai_sidecar.adapters.storage.values import UnreadableError
from atmos_ai_sidecar.errors import (
    MessageTooLargeError,
    SidecarError,
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StorageUnavailableError,
)

_KINDS: Mapping[int, type[SidecarError]] = {
    sqlite3.SQLITE_BUSY: StorageBusyError,
    sqlite3.SQLITE_LOCKED: StorageBusyError,
    sqlite3.SQLITE_FULL: StorageFullError,
    sqlite3.SQLITE_CORRUPT: StorageCorruptError,
    sqlite3.SQLITE_NOTADB: StorageCorruptError,
    sqlite3.SQLITE_FORMAT: StorageCorruptError,
    sqlite3.SQLITE_READONLY: StorageUnavailableError,
    sqlite3.SQLITE_CANTOPEN: StorageUnavailableError,
    sqlite3.SQLITE_IOERR: StorageUnavailableError,
    sqlite3.SQLITE_PERM: StorageUnavailableError,
    sqlite3.SQLITE_TOOBIG: MessageTooLargeError,
}


@contextmanager
def translated(path: str) -> Iterator[None]:
    """Raises what SQLite says about the file ``path`` as an error of the tree; a mistake of ours passes through."""
    try:
        yield
    except UnreadableError as error:
        raise corrupt(path, f"a row is unreadable ({error})") from error
    except sqlite3.Error as error:
        known = _translated(error, path)
        if known is None:
            raise
        raise known from error


def _translated(error: sqlite3.Error, path: str) -> SidecarError | None:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    problem = str(error)
    # The shared-memory file could not grow: the disk is full, though the code says input/output.
    kind = StorageFullError if code == sqlite3.SQLITE_IOERR_SHMSIZE else _KINDS.get(code & 0xFF)
    if kind is StorageBusyError:
        return busy(path)
    if kind is StorageFullError:
        return full(path)
    if kind is MessageTooLargeError:
        return MessageTooLargeError("The message is larger than the session store can keep.", remedy="Shorten it.")
    if kind is StorageCorruptError:
        return corrupt(path, problem)
    return unavailable(path, problem) if kind is StorageUnavailableError else None
