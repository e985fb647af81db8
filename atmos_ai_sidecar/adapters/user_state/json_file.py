"""A small JSON file that several processes may change: read whole, written by rename under a lock."""

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.user_state.state_directory import make_private, unavailable
from atmos_ai_sidecar.errors import StorageBusyError, StorageCorruptError

VERSION = 1
MAX_BYTES = 4 << 20
LOCK_SECONDS = 2.0
_RETRY_SECONDS = 0.01


class JsonFile:
    """One object in one file of the state directory. What was written is durable; a reader sees all of it or none."""

    def __init__(self, path: Path, state: Path, *, lock: str = "lock", lock_seconds: float = LOCK_SECONDS) -> None:
        """Names the file.

        Args:
            path: The file.
            state: The user's state directory, which it is in.
            lock: The name of the lock beside it; files with one lock wait for each other.
            lock_seconds: How long to wait for the lock.
        """
        self.path = path
        self._state = state
        self._lock = lock
        self._lock_seconds = lock_seconds

    def read(self) -> dict[str, Any] | None:
        """The object; None when there is no file.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
            StorageUnavailableError: It cannot be read.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self.corrupt("it is a link") from error
            raise unavailable(self.path, error) from error
        with os.fdopen(descriptor, "rb") as stream:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
                raise self.corrupt("it is not a file of yours")
            return self._parsed(stream.read(MAX_BYTES + 1))

    def write(self, values: dict[str, Any], *, is_durable: bool = True) -> None:
        """Replaces the object. Only under ``locked``.

        What is not durable outlives every process, and not a loss of power.
        """
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        try:
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                json.dump({"version": VERSION, **values}, stream, indent=1)
                stream.flush()
                if is_durable:
                    os.fsync(descriptor)
            temporary.replace(self.path)
            if is_durable:
                self._sync_folder()
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise unavailable(self.path, error) from error

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the folder's lock, so that reading, changing and writing are one step for every process.

        Raises:
            StorageBusyError: Another process held the lock for too long.
            StorageUnavailableError: The folder cannot be made or written.
        """
        make_private(self.path.parent, self._state)
        lock = self.path.with_name(self._lock)
        try:
            descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise unavailable(lock, error) from error
        try:
            _take(descriptor, lock, self._lock_seconds)
            yield
        finally:
            os.close(descriptor)

    def corrupt(self, problem: str) -> StorageCorruptError:
        """The error for a file that is not as we write it."""
        return StorageCorruptError(
            f"{self.path} cannot be used: {problem}. It was left as it is, and nothing is remembered.",
            remedy="Mend it, or move it away to start afresh.",
            path=str(self.path),
        )

    def _parsed(self, content: bytes) -> dict[str, Any]:
        if len(content) > MAX_BYTES:
            raise self.corrupt("it is too large")
        try:
            values = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise self.corrupt("it is no JSON") from error
        if not isinstance(values, dict) or values.get("version") != VERSION:
            raise self.corrupt(f"it is no file of version {VERSION}")
        return values

    def _sync_folder(self) -> None:
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _take(descriptor: int, lock: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StorageBusyError(
                    f"Another process holds {lock}.", remedy="Try again when it has finished.", path=str(lock)
                ) from error
            time.sleep(_RETRY_SECONDS)
        else:
            return
