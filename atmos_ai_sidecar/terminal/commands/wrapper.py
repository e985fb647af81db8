"""Puts the PATH wrapper where the shell finds it before the real atmos."""

import os
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from atmos_ai_sidecar.errors import InvalidFieldError, NotFoundError

NAME = "atmos-ai-wrapper"
"""What the wrapper is called beside the shim; only a link to it is called atmos."""


def installed_wrapper() -> Path:
    """The wrapper that came with this package.

    Raises:
        NotFoundError: It is not there.
    """
    path = Path(sysconfig.get_path("scripts"), NAME)
    if not path.is_file():
        raise NotFoundError(
            f"There is no {NAME} in {path.parent}.",
            remedy="Reinstall atmos-ai-sidecar, or run `make setup` in its tree.",
        )
    return path


def install_wrapper(directory: Path, wrapper: Path) -> Path:
    """Makes the wrapper the ``atmos`` of a folder, by a link, and returns the link's path.

    A link never outlives what it leads to: when the package is removed, the shell finds the real atmos again. What
    stands there already is left alone, unless it is such a link.

    Raises:
        InvalidFieldError: The folder cannot be written, or holds another atmos.
    """
    link = directory / "atmos"
    if not directory.is_dir():
        raise InvalidFieldError("--wrapper", f"{directory} is no folder", remedy=f"`mkdir -p {directory}` makes it.")
    if link.is_symlink() and link.readlink().name == NAME:
        link.unlink()
    elif os.path.lexists(link):
        raise InvalidFieldError("--wrapper", f"{link} exists, and is not our wrapper; choose a folder of its own")
    try:
        link.symlink_to(wrapper)
    except OSError as error:
        raise InvalidFieldError("--wrapper", f"{link} cannot be written: {error.strerror}") from error
    return link


def what_is_missing(link: Path, environment: Mapping[str, str]) -> str:
    """What a person has to do so that the shell finds the wrapper; empty when nothing is missing."""
    for entry in environment.get("PATH", "").split(os.pathsep):
        candidate = Path(entry, "atmos")
        if not entry or not candidate.is_file() or not os.access(candidate, os.X_OK):
            continue
        if candidate.samefile(link):
            return ""
        return f"{candidate} comes first on PATH. Put {link.parent} before it: export PATH={link.parent}:$PATH"
    return f"{link.parent} is not on PATH: export PATH={link.parent}:$PATH"
