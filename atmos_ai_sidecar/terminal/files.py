"""Files that a person names: written whole and private, or not at all."""

import os
import secrets
from pathlib import Path

from atmos_ai_sidecar.application.ports.checkpoint_text import MAX_FILE_BYTES
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal.render.palette import visible


def write_private(path: Path, text: str, *, overwrite: bool = False) -> None:
    """Puts the text into a file with the mode 0600; a reader sees all of it or what was there before.

    Raises:
        InvalidFieldError: The file exists and ``overwrite`` is off, or it cannot be written.
    """
    temporary = path.parent / f".atmos-ai-{secrets.token_hex(8)}"
    try:
        try:
            _write(temporary, text)
            if not overwrite:
                _claim(path)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError as error:
        raise InvalidFieldError(
            "file", f"{visible(str(path))} exists already.", remedy="Choose another name, or pass --overwrite."
        ) from error
    except OSError as error:
        raise InvalidFieldError(
            "file",
            f"{visible(str(path))} cannot be written: {error.strerror}.",
            remedy="Choose a folder that exists and is yours.",
        ) from error


def read_limited(path: Path) -> bytes:
    """The content of a regular file; of one over the limit no more than one byte too many, by which a reader sees it.

    Raises:
        InvalidFieldError: There is none, or it cannot be read.
    """
    try:
        if path.exists() and not path.is_file():
            raise InvalidFieldError(
                "file", f"{visible(str(path))} is not a regular file.", remedy="Name a file that an export wrote."
            )
        with path.open("rb") as stream:
            return stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise InvalidFieldError(
            "file",
            f"{visible(str(path))} cannot be read: {error.strerror}.",
            remedy="Name a file that an export wrote.",
        ) from error


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(text.encode("utf-8", "replace"))
        stream.flush()
        os.fsync(descriptor)


def _claim(path: Path) -> None:
    """Takes the name, so that nobody who writes at the same moment is overwritten."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
