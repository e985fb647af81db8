"""The folder of session files: one writer at a time, readers whenever they like."""

import fcntl
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from atmos_ai_sidecar.adapters.json_files.records import Record, to_line
from atmos_ai_sidecar.adapters.json_files.session_file import SessionFile, write_all, written
from atmos_ai_sidecar.adapters.storage.files import prepare_file
from atmos_ai_sidecar.adapters.storage.problems import busy
from atmos_ai_sidecar.errors import SessionNotFoundError

BUSY_TIMEOUT_SECONDS: Final = 5.0
_POLL_SECONDS = 0.01
_SUFFIX = ".jsonl"
_PART = ".part"


class Folder:
    """Session files by their session's id. Every method blocks; the store calls them on a thread of its own."""

    def __init__(self, path: Path, *, busy_timeout_seconds: float = BUSY_TIMEOUT_SECONDS) -> None:
        self._path = path
        self._lock_path = path / ".lock"
        self._busy_timeout_seconds = busy_timeout_seconds
        self._files: dict[str, SessionFile] = {}
        prepare_file(self._lock_path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder against every other writer, also of other processes.

        Raises:
            StorageBusyError: Another process held it for too long.
        """
        with written(self._path):
            prepare_file(self._lock_path)
            descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CLOEXEC)
        try:
            deadline = time.monotonic() + self._busy_timeout_seconds
            while not _try_lock(descriptor):
                if time.monotonic() >= deadline:
                    raise busy(str(self._path))
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def all(self) -> Sequence[SessionFile]:
        """Every session that counts, as it is now."""
        with written(self._path):
            names = [entry.name for entry in os.scandir(self._path) if entry.name.endswith(_SUFFIX)]
        found = [file for name in names if (file := self._refreshed(name.removesuffix(_SUFFIX))) is not None]
        replaced = {file.header.replaces for file in found if file.header is not None}
        return [file for file in found if file.session.id not in replaced]

    def get(self, session_id: str) -> SessionFile:
        """The file of that session.

        Raises:
            SessionNotFoundError: There is none.
        """
        # Only names of ours are opened: an id with slashes would be a path.
        found = self._refreshed(session_id) if session_id.replace("-", "").isalnum() else None
        if found is None:
            raise SessionNotFoundError(session_id)
        return found

    def add(self, session_id: str, records: Sequence[Record]) -> SessionFile:
        """Creates a file with all of its lines or not at all; call it under the lock."""
        path = self._path / f"{session_id}{_SUFFIX}"
        part = path.with_suffix(_PART)
        with written(path):
            try:
                descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
                try:
                    write_all(descriptor, b"".join(to_line(record) for record in records), 0)
                finally:
                    os.close(descriptor)
                part.rename(path)
            finally:
                part.unlink(missing_ok=True)
        return self.get(session_id)

    def remove(self, session_id: str) -> bool:
        """Deletes a file; False when there was none."""
        path = self._path / f"{session_id}{_SUFFIX}"
        self._files.pop(session_id, None)
        with written(path):
            try:
                path.unlink()
            except FileNotFoundError:
                return False
        return True

    def _refreshed(self, session_id: str) -> SessionFile | None:
        file = self._files.setdefault(session_id, SessionFile(self._path / f"{session_id}{_SUFFIX}"))
        if file.refresh():
            return file
        self._files.pop(session_id, None)
        return None


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
