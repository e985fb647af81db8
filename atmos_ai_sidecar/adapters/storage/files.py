"""The file of the store: private, real, and never somebody else's."""

import os
import stat
from pathlib import Path

from atmos_ai_sidecar.adapters.storage.problems import unavailable

_SIDE_FILES = ("-wal", "-shm", "-journal")
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def prepare_file(path: Path) -> os.stat_result:
    """Creates folder (0700) and file (0600) where they are missing, and returns what identifies the file.

    Existing folders keep their modes, because `.atmos` belongs to Atmos too. An existing file becomes private.

    Raises:
        StorageUnavailableError: A link is in the way, or the file cannot be created or written.
    """
    try:
        _refuse_links(path)
        for parent in reversed(path.parents):
            # One by one, because ``parents=True`` gives the outer ones the mode of the umask.
            parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, 0o600)
        try:
            return _made_private(descriptor, path)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unavailable(str(path), error.strerror or str(error)) from error


def is_same_file(path: Path, opened: os.stat_result) -> bool:
    """Whether the path still names the file that was opened."""
    try:
        now = path.stat(follow_symlinks=False)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def _made_private(descriptor: int, path: Path) -> os.stat_result:
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode):
        raise unavailable(str(path), "it is not a regular file")
    if stat.S_IMODE(found.st_mode) & 0o077:
        os.fchmod(descriptor, 0o600)
    return found


def _refuse_links(path: Path) -> None:
    parts = [*path.parents[: _depth_below_atmos(path)], path, *(Path(f"{path}{suffix}") for suffix in _SIDE_FILES)]
    for part in parts:
        if part.is_symlink():
            raise unavailable(str(path), f"{part} is a symbolic link")


def _depth_below_atmos(path: Path) -> int:
    """How many parents, nearest first, belong to the project's `.atmos`; 0 when the file is elsewhere."""
    names = [parent.name for parent in path.parents]
    return names.index(".atmos") + 1 if ".atmos" in names else 0
