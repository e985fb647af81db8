"""Where a user's state is: the platform's folder for it, from the caller's environment."""

import hashlib
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path

from atmos_ai_sidecar.errors import StorageUnavailableError

NAME = "atmos-ai"


def state_directory(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The folder, which need not exist: ``$XDG_STATE_HOME``, else what the platform has for it, below ``$HOME``.

    Raises:
        StorageUnavailableError: The environment names no home.
    """
    # The base directory specification says that a relative path is to be ignored.
    named = environment.get("XDG_STATE_HOME", "")
    if named.startswith("/"):
        return Path(named, NAME)
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        raise StorageUnavailableError(
            "There is no place to remember trust and answers: HOME is not set.",
            remedy="Set HOME or XDG_STATE_HOME to an absolute path.",
        )
    return Path(home, "Library/Application Support" if platform == "darwin" else ".local/state", NAME)


def project_folder(state: Path, project: str) -> Path:
    """The folder of one project, by its real path; 128 bits keep projects apart."""
    return state / "projects" / hashlib.sha256(os.fsencode(project)).hexdigest()[:32]


def make_private(folder: Path, state: Path) -> None:
    """Creates the folder, and those between it and the state directory, for the user alone.

    Raises:
        StorageUnavailableError: One of them is a link, belongs to somebody else or cannot be made.
    """
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
        for path in (state, *reversed([parent for parent in folder.parents if state in parent.parents]), folder):
            path.mkdir(mode=0o700, exist_ok=True)
            status = path.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
                raise StorageUnavailableError(
                    f"{path} is not a folder of yours.", remedy="Remove it or set XDG_STATE_HOME.", path=str(path)
                )
            if stat.S_IMODE(status.st_mode) & 0o077:
                path.chmod(0o700)
    except OSError as error:
        raise unavailable(Path(error.filename or folder), error) from error


def unavailable(path: Path, error: OSError) -> StorageUnavailableError:
    reason = error.strerror or type(error).__name__
    return StorageUnavailableError(
        f"{path}: {reason}.", remedy="Mend its permissions, or set XDG_STATE_HOME to a folder of yours.", path=str(path)
    )
