import sqlite3

import pytest

from atmos_ai_sidecar.adapters.sqlite.failures import translated
from atmos_ai_sidecar.errors import (
    MessageTooLargeError,
    SidecarError,
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StorageUnavailableError,
)


def failed_with(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_BUSY, StorageBusyError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StorageBusyError),
        (sqlite3.SQLITE_LOCKED, StorageBusyError),
        (sqlite3.SQLITE_FULL, StorageFullError),
        (sqlite3.SQLITE_IOERR_SHMSIZE, StorageFullError),
        (sqlite3.SQLITE_CORRUPT, StorageCorruptError),
        (sqlite3.SQLITE_NOTADB, StorageCorruptError),
        (sqlite3.SQLITE_READONLY_DBMOVED, StorageUnavailableError),
        (sqlite3.SQLITE_CANTOPEN, StorageUnavailableError),
        (sqlite3.SQLITE_IOERR_WRITE, StorageUnavailableError),
        (sqlite3.SQLITE_TOOBIG, MessageTooLargeError),
    ],
)
def test_what_sqlite_says_becomes_an_error_with_a_remedy(code: int, kind: type[SidecarError]) -> None:
    with pytest.raises(kind) as caught, translated("/p/sidecar.db"):
        raise failed_with(code)
    assert caught.value.remedy


@pytest.mark.parametrize("error", [failed_with(sqlite3.SQLITE_ERROR), sqlite3.ProgrammingError("closed")])
def test_a_mistake_of_ours_stays_what_it_is(error: sqlite3.Error) -> None:
    with pytest.raises(sqlite3.Error) as caught, translated("/p/sidecar.db"):
        raise error
    assert caught.value is error
