"""Which sidecars are alive: each holds a lock on a file of its own for as long as it lives."""

import fcntl
import os
import re
from pathlib import Path

_INSTANCE = re.compile(r"[0-9a-f]{8,64}")


class OwnerLocks:
    """Lock files in one directory, one a process. The kernel drops a lock with its process, however it ends.

    Source: flock(2). A pid would lie after a restart; a lock cannot.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._held: dict[str, int] = {}

    def hold(self, owner: str) -> None:
        """Marks this process as the living owner of that instance id."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._path(owner), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        self._held[owner] = descriptor

    def release(self) -> None:
        """Gives the marks up and removes their files."""
        for owner, descriptor in self._held.items():
            self._path(owner).unlink(missing_ok=True)
            os.close(descriptor)
        self._held.clear()

    def is_alive(self, owner: str) -> bool:
        """Whether the process with that instance id still runs; the file of a dead one is removed."""
        if owner in self._held:
            return True
        if not _INSTANCE.fullmatch(owner):
            return False
        try:
            descriptor = os.open(self._path(owner), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            self._path(owner).unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def _path(self, owner: str) -> Path:
        return self._directory / f"{owner}.lock"
