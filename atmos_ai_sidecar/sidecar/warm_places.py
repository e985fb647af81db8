"""The warm sidecars of a user, as the files in their runtime directory tell."""

import asyncio
import fcntl
import json
import os
import signal
import stat
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import field
from pathlib import Path
from typing import Final

from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.sidecar.warm import process_start

STOP_SECONDS: Final = 6.0
"""A sidecar that is told to end is gone after 5 s."""
_PAUSE_SECONDS: Final = 0.05
_MAX_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmSidecar:
    """A warm sidecar that lives."""

    project: str
    process_id: int
    version: str
    socket_path: str
    token: str = field(repr=False)
    """The owner's."""
    lock: Path

    def is_alive(self) -> bool:
        """Whether it still holds its lock."""
        return _is_held(self.lock)


def warm_sidecars(environment: Mapping[str, str]) -> Sequence[WarmSidecar]:
    """Those of this user that live, by project; what a dead one left, and what is not ours, is passed over."""
    found = [sidecar for folder in _folders(environment) for sidecar in _read_folder(folder)]
    return sorted(found, key=lambda sidecar: sidecar.project)


async def stop_warm_sidecar(sidecar: WarmSidecar, *, force: bool) -> bool:
    """Ends a warm sidecar in order, or at once with ``force``; whether it is gone.

    The process is signalled only while it holds its lock: a number that was given to another program is left alone.
    """
    if sidecar.is_alive():
        with suppress(ProcessLookupError):
            os.kill(sidecar.process_id, signal.SIGKILL if force else signal.SIGTERM)
    deadline = asyncio.get_running_loop().time() + STOP_SECONDS
    while sidecar.is_alive():
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_PAUSE_SECONDS)
    if force:  # it had no time to do it itself
        with suppress(OSError):
            sidecar.lock.with_suffix(".json").unlink()
    return True


def warm_folders(environment: Mapping[str, str]) -> Sequence[Path]:
    """Where a user's warm sidecars may leave word of themselves, the token among it; none of them need exist."""
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    name = f"atmos-ai-{os.geteuid()}"
    bases = [Path(environment.get("TMPDIR", "") or tempfile.gettempdir(), name), Path("/tmp", name)]  # noqa: S108 - it is proven
    if runtime.startswith("/"):
        bases.insert(0, Path(runtime, "atmos-ai"))
    return [base / "warm" for base in dict.fromkeys(bases)]


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    for folder in warm_folders(environment):
        with suppress(OSError):
            status = folder.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o077:
                yield folder


def _read_folder(folder: Path) -> Iterator[WarmSidecar]:
    for path in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            values = json.loads(_private_text(path))
            sidecar = WarmSidecar(
                project=str(values["project"]),
                process_id=int(values["pid"]),
                version=str(values["server_version"]),
                socket_path=str(values["address"]).removeprefix("unix://"),
                token=str(values["token"]),
                lock=path.with_suffix(".lock"),
            )
            if sidecar.is_alive() and process_start(sidecar.process_id) == values["process_start"]:
                yield sidecar


def _private_text(path: Path) -> str:
    """The text of a file that only this user can write.

    Raises:
        OSError: It is not there, a link, or open to others.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & 0o077:
            raise PermissionError(str(path))
        return file.read(_MAX_BYTES).decode()


def _is_held(lock: Path) -> bool:
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
