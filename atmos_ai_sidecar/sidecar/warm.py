"""Staying for the next run: a lock that is held for life, and a file that tells later shims where to dial.

The lock is the truth, not the file and not a process id: the kernel lets go of it however the process dies. A cleaner
may unlink the lock's file under us; then nobody finds us any more, and another may hold a lock of the same name.
"""

import asyncio
import fcntl
import json
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Final

from atmos_ai_sidecar.handshake import Handshake, Warm
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.sidecar.installation import installed_files

CLAIM_SECONDS: Final = 1.0
"""Others test the lock for a moment; whoever holds it longer is a living sidecar."""
CHECK_SECONDS: Final = 1.0
"""How often the lock's file is looked at."""
_PAUSE_SECONDS: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmState:
    """The claim of this process to be the one warm sidecar of its project; ``release`` ends it."""

    warm: Warm
    lock: int
    """The descriptor of the lock's file, held for life and inherited by nobody."""
    installed: Sequence[Mapping[str, str | int]] = field(default_factory=installed_files)
    """What this process was started from; a shim that finds anything else there replaces it."""

    @property
    def lock_path(self) -> Path:
        return Path(self.warm.directory, f"{self.warm.name}.lock")

    @property
    def path(self) -> Path:
        return Path(self.warm.directory, f"{self.warm.name}.json")

    def announce(self, answer: Handshake, token: str) -> None:
        """Writes where to dial, for this user's eyes only; in one piece.

        Raises:
            OSError: It cannot be written.
        """
        values = {
            "address": answer.address,
            "installed": self.installed,
            "instance_id": answer.instance_id,
            "pid": answer.pid,
            "process_start": process_start(answer.pid),
            "project": self.warm.project,
            "server_version": answer.server_version,
            "token": token,
        }
        draft = self.path.with_suffix(f".{answer.pid}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(values, file)
        draft.rename(self.path)

    def is_ours(self) -> bool:
        """Whether the lock that others test is still the one that we hold."""
        return _is_at(self.lock, self.lock_path)

    def _is_wanted(self, package: Path) -> bool:
        return self.is_ours() and package.exists()

    async def wait_lost(self, package: Path) -> None:
        """Returns when the lock's file is no longer ours, or the file of the package has gone: it was uninstalled."""
        while self._is_wanted(package):  # noqa: ASYNC110 - a file system tells nobody
            await asyncio.sleep(CHECK_SECONDS)

    def release(self) -> None:
        """Takes the announcement back, if it is ours, and lets go of the lock."""
        if self.is_ours():
            with suppress(OSError):
                self.path.unlink()
        os.close(self.lock)


def claim(warm: Warm) -> WarmState | None:
    """Becomes the warm sidecar of a project; None when another one is.

    Raises:
        OSError: The lock's file cannot be made.
    """
    path = Path(warm.directory, f"{warm.name}.lock")
    deadline = time.monotonic() + CLAIM_SECONDS
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            if time.monotonic() > deadline:
                return None
            time.sleep(_PAUSE_SECONDS)
            continue
        if _is_at(lock, path):  # else it was unlinked between the opening and the lock
            return WarmState(warm=warm, lock=lock)
        os.close(lock)


def process_start(pid: int) -> str:
    """When a process started, in the kernel's own ticks, so that a number that was given again is told from it.

    Empty where the system does not tell.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        return fields[19]
    except (OSError, IndexError):
        return ""


def leave_parent(log: Path) -> None:
    """Lets go of the pipes to the parent, which is not needed any more; what is printed from now on goes to the log."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    with suppress(OSError):
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        os.dup2(target, 1)
        os.dup2(target, 2)
        os.close(target)
    os.close(nothing)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except OSError:
        return False
