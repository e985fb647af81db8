"""The file that a caller wants an output in: whole, or as it was before."""

import os
import secrets
import stat
from pathlib import Path

from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFile:
    """A file by its name; a link is followed, and a pipe or device is written into."""

    path: Path
    umask: int
    """The caller's: it says what others may do with a new file. One that is replaced keeps its mode."""
    option: str = "--output"
    """What named it."""
    remedy: str = "Choose another file."

    def check(self) -> None:
        """Returns when it looks as if the file could be written; nothing is changed.

        Raises:
            InvalidFieldError: It could not.
        """
        target = _target(self.path)
        folder = target.parent
        if target.is_dir():
            raise self._error("it is a folder")
        if not folder.is_dir():
            raise self._error(f"there is no folder {folder}")
        if not os.access(target if target.exists() else folder, os.W_OK):
            raise self._error("permission denied")

    def write(self, text: str) -> None:
        """Writes the file so that a reader sees all of it, or what was there before.

        Raises:
            InvalidFieldError: It cannot be written; what was there is still there.
        """
        data = text.encode("utf-8", "replace")
        try:
            target = _target(self.path)
            mode = target.stat().st_mode if target.exists() else None
            if mode is not None and not stat.S_ISREG(mode):
                target.write_bytes(data)
                return
            self.check()
            _replace(target, data, 0o666 & ~self.umask if mode is None else stat.S_IMODE(mode))
        except OSError as error:
            raise self._error(error.strerror or type(error).__name__) from error

    def _error(self, problem: str) -> InvalidFieldError:
        return InvalidFieldError(self.option, f"{self.path} cannot be written: {problem}.", remedy=self.remedy)


def _target(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _replace(target: Path, data: bytes, mode: int) -> None:
    temporary = target.parent / f".atmos-ai-{secrets.token_hex(8)}"
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
