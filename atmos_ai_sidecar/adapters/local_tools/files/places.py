"""Opens what a resolved path names, and nothing else.

A path is resolved once, decided about, and then opened folder by folder without following a link: whatever is swapped
in between, a decision about one file can never become access to another.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence

from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC | getattr(os, "O_PATH", os.O_RDONLY)
"""``O_PATH``, where there is one, passes folders that can be entered and not listed."""
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.EACCES: "you may not open it",
    errno.EPERM: "you may not change it",
    errno.ELOOP: "a link was put in its way",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOSPC: "the disk is full",
    errno.EROFS: "the file system is read-only",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An open folder and a name in it. The descriptor is valid within the ``with`` that gave the place."""

    folder: int
    name: str
    shown: str
    """The path for people."""

    def status(self) -> os.stat_result | None:
        """What has that name now; None when nothing has."""
        try:
            return os.stat(self.name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            return None


def resolved(path: str) -> str:
    """The absolute path that this one leads to; parts that do not exist stay as they are.

    Raises:
        InvalidFieldError: No file can have that name.
    """
    if not path or any(character < " " or character == "\x7f" for character in path):
        raise InvalidFieldError("path", "must be the path of a file, without control characters.")
    try:
        return os.path.realpath(path)
    except (ValueError, OSError) as error:
        raise InvalidFieldError("path", f"leads nowhere: {error}.") from error


@contextlib.contextmanager
def opened_place(path: str, shown: str, *, folder_mode: int | None = None) -> Iterator[Place]:
    """The folder of a resolved path, reached without a link; every error of the system within is one of ours.

    Args:
        path: Absolute, as ``resolved`` gave it.
        shown: The path for people.
        folder_mode: The mode of folders that are missing and are made then; None: none is made.

    Raises:
        ToolExecutionFailedError: The folder cannot be reached, or what is done in it fails.
    """
    with contextlib.ExitStack() as stack, translated(shown):
        parts = path.strip("/").split("/")
        folder = _entered(stack, "/", None)
        for part in parts[:-1]:
            if folder_mode is not None:
                _make(part, folder, folder_mode)
            folder = _entered(stack, part, folder)
        yield Place(folder=folder, name=parts[-1] or ".", shown=shown)


def opened_file(place: Place) -> int:
    """A descriptor to read the regular file at a place; the caller closes it. Never waits for a pipe.

    Raises:
        ToolExecutionFailedError: There is none, or it is something else.
    """
    with translated(place.shown):
        # Looked at before it is opened: to open a device can be to use it.
        _require_file(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False), place)
        descriptor = os.open(place.name, _FILE, dir_fd=place.folder)
        try:
            _require_file(os.fstat(descriptor), place)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def names_beside(place: Place) -> Sequence[str]:
    """The names in the folder of a place."""
    with listed(place) as descriptor:
        return os.listdir(descriptor)  # noqa: PTH208 - a path cannot stand for a descriptor


@contextlib.contextmanager
def listed(place: Place) -> Iterator[int]:
    """The folder of a place as one that can be listed and synchronised."""
    descriptor = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def translated(shown: str) -> Iterator[None]:
    """Raises what the system says about a file as an error of ours."""
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0) or error.strerror or type(error).__name__
        raise ToolExecutionFailedError(f"{shown}: {reason}.", path=shown) from error


def _make(name: str, folder: int, mode: int) -> None:
    try:
        os.mkdir(name, 0o700, dir_fd=folder)
    except FileExistsError:
        return
    os.chmod(name, mode, dir_fd=folder)  # whatever the umask of this process is


def _entered(stack: contextlib.ExitStack, name: str, folder: int | None) -> int:
    descriptor = os.open(name, _FOLDER, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor


def _require_file(status: os.stat_result, place: Place) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = _KINDS.get(stat.S_IFMT(status.st_mode), "no file")
        remedy = "file_list shows what is in it." if stat.S_ISDIR(status.st_mode) else ""
        raise ToolExecutionFailedError(f"{place.shown} is {kind}, not a file.", remedy=remedy, path=place.shown)
