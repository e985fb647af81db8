"""Writes files as a whole or not at all: beside the old one first, then by renaming over it."""

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator

from atmos_ai_sidecar.adapters.local_tools.files.places import Place, listed, names_beside, translated
from atmos_ai_sidecar.domain.paths import folded
from atmos_ai_sidecar.errors import ToolExecutionFailedError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}


def replace(place: Place, data: bytes, *, expected: os.stat_result, mode: int | None = None) -> None:
    """Replaces a file; its mode and owner stay, unless another mode is given.

    Raises:
        ToolExecutionFailedError: It is not the file that was looked at any more, or it cannot be written.
    """
    with translated(place.shown), _written(place, data, mode=_mode(expected) if mode is None else mode) as name:
        status = os.stat(name, dir_fd=place.folder, follow_symlinks=False)
        if (status.st_uid, status.st_gid) != (expected.st_uid, expected.st_gid):
            os.chown(name, expected.st_uid, expected.st_gid, dir_fd=place.folder, follow_symlinks=False)
            _set_mode(place, name, _mode(expected) if mode is None else mode)
        require_same(place, expected)
        os.rename(name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        _sync(place)


def create(place: Place, data: bytes, *, mode: int) -> None:
    """Creates a file that is not there; never writes over one that somebody else has just made.

    Raises:
        ToolExecutionFailedError: There is one, or one whose name differs only in case; or it cannot be written.
    """
    with translated(place.shown), _written(place, data, mode=mode) as name:
        refuse_look_alike(place)
        try:
            # Unlike a renaming, this fails when the name is taken.
            os.link(name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder, follow_symlinks=False)
        except FileExistsError:
            raise _changed(place) from None
        except OSError as error:
            if error.errno not in _NO_LINKS or place.status() is not None:
                raise
            os.rename(name, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        _sync(place)


def remove(place: Place, *, expected: os.stat_result) -> None:
    """Removes the file that was looked at.

    Raises:
        ToolExecutionFailedError: It is another one by now, or it cannot be removed.
    """
    with translated(place.shown):
        require_same(place, expected)
        os.unlink(place.name, dir_fd=place.folder)
        _sync(place)


def require_same(place: Place, expected: os.stat_result | None) -> None:
    """Returns when the file is the one that was looked at, with the same content as far as its times tell.

    Raises:
        ToolExecutionFailedError: It is not.
    """
    status = place.status()
    if (status is None) is not (expected is None):
        raise _changed(place)
    if status is not None and expected is not None and _identity(status) != _identity(expected):
        raise _changed(place)


def refuse_linked(place: Place, status: os.stat_result) -> None:
    """Returns when a file has one name only.

    Raises:
        ToolExecutionFailedError: Another name, perhaps outside the project, stands for the same file.
    """
    if status.st_nlink > 1:
        raise ToolExecutionFailedError(
            f"{place.shown} has {status.st_nlink} names (hard links), and writing would part them. "
            "Nothing was changed.",
            remedy="Ask the user to replace it by a copy of its own.",
            path=place.shown,
        )


def refuse_look_alike(place: Place) -> None:
    """Returns when no file beside has a name that differs only in case or in characters without a shape.

    Raises:
        ToolExecutionFailedError: There is one.
    """
    twin = next(
        (name for name in names_beside(place) if name != place.name and folded(name) == folded(place.name)), None
    )
    if twin is not None:
        raise ToolExecutionFailedError(
            f"{place.shown} was not created: {twin!r} is there, and some systems take both for the same file.",
            remedy="Use the name that is there, or another one.",
            path=place.shown,
        )


@contextlib.contextmanager
def _written(place: Place, data: bytes, *, mode: int) -> Iterator[str]:
    """The name of a new file beside the place with that content; it is gone after the block, unless renamed."""
    name = f".{secrets.token_hex(8)}.tmp"
    descriptor = os.open(name, _NEW, 0o600, dir_fd=place.folder)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
        yield name
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=place.folder)


def _set_mode(place: Place, name: str, mode: int) -> None:
    """A change of owner clears some bits of the mode."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.folder)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def _sync(place: Place) -> None:
    with listed(place) as descriptor:
        os.fsync(descriptor)


def _mode(status: os.stat_result) -> int:
    return stat.S_IMODE(status.st_mode)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode, status.st_nlink)


def _changed(place: Place) -> ToolExecutionFailedError:
    return ToolExecutionFailedError(
        f"{place.shown} has changed since it was looked at. Nothing was changed.",
        remedy="Read it again.",
        path=place.shown,
    )
