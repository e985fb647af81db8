"""The private directory that holds the socket."""

import os
import secrets
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "s.sock"
MAX_PATH_BYTES: Final = 100
"""Below the 104 bytes that macOS has for the address of a socket; Linux has 108."""
_MODE: Final = 0o700


class DirectoryError(Exception):
    """The directory cannot hold a socket that only its owner may open."""


def socket_path_in(directory: Path) -> Path:
    """The path of the socket, once it is proven that nobody else can reach it.

    Raises:
        DirectoryError: The directory is missing, a link, somebody else's, open to others or too long, or it holds a
            socket already.
    """
    path = directory / SOCKET_NAME
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise DirectoryError(f"{path} is longer than {MAX_PATH_BYTES} bytes; choose a shorter socket directory")
    try:
        status = directory.lstat()
    except OSError as error:
        raise DirectoryError(f"{directory} cannot be looked at: {error.strerror}") from error
    if not stat.S_ISDIR(status.st_mode):
        raise DirectoryError(f"{directory} is a link or no directory")
    if status.st_uid != os.geteuid():
        raise DirectoryError(f"{directory} belongs to the user {status.st_uid}, not to {os.geteuid()}")
    if stat.S_IMODE(status.st_mode) != _MODE:
        raise DirectoryError(f"{directory} has the mode {stat.S_IMODE(status.st_mode):04o}, must be {_MODE:04o}")
    if os.path.lexists(path):  # gRPC would unlink it, and with it another server's address
        raise DirectoryError(f"{path} exists already; every sidecar needs a directory of its own")
    return path


def make_directory() -> Path:
    """A new private directory for a sidecar that nobody gave one.

    Raises:
        DirectoryError: There is no place for it.
    """
    problem = ""
    for base in _bases():
        directory = base / secrets.token_hex(4)
        try:
            base.mkdir(mode=_MODE, exist_ok=True)
            _prove_own(base)
            directory.mkdir(mode=_MODE)
            socket_path_in(directory)
        except (OSError, DirectoryError) as error:
            problem = str(error)
            with suppress(OSError):
                directory.rmdir()
            continue
        return directory
    raise DirectoryError(f"no place for a socket: {problem}; set XDG_RUNTIME_DIR to a short path that is yours")


def remove_directory(directory: Path) -> None:
    """Removes the socket and its directory; leaves a directory that holds anything else."""
    with suppress(OSError):
        (directory / SOCKET_NAME).unlink()
    with suppress(OSError):
        directory.rmdir()


def sockets() -> Sequence[Path]:
    """The sockets of this user's sidecars, in directories that nobody else can enter; some may be dead."""
    found: list[Path] = []
    for base in _bases():
        with suppress(OSError, DirectoryError):
            _prove_own(base)
            found += (path for path in sorted(base.glob(f"*/{SOCKET_NAME}")) if path.is_socket())
    return tuple(dict.fromkeys(found))


def _bases() -> Sequence[Path]:
    """Where directories are made, the best first."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    bases = [Path(folder, f"atmos-ai-{os.geteuid()}") for folder in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - the mode is proven
    return [Path(runtime, "atmos-ai"), *bases] if runtime else bases


def _prove_own(base: Path) -> None:
    status = base.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise DirectoryError(f"{base} is not a directory that only you can enter")
