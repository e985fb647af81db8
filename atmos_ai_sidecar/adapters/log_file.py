"""The log of a project: a private file of bounded size without secrets.

A record is one line; what follows an error is indented. Several processes may write to one file: each looks before a
record whether another has moved it away.
"""

import logging
import os
import re
import traceback
from collections.abc import Callable, Iterable
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

MAX_BYTES = 1_000_000
"""One file is a bit larger at most, by one record."""
KEPT_FILES = 3
"""So many older files are kept: `sidecar.log.1` is the newest of them."""

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class LogFile(RotatingFileHandler):
    """Appends to a file that is created (0600, its folder 0700) with the first record.

    A log is never worth a failed command: where the file cannot be written, or a link stands in its way, records are
    dropped.
    """

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(path, maxBytes=max_bytes, backupCount=KEPT_FILES, encoding="utf-8", delay=True)

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream is not None and self._is_moved(self.stream):
            self.stream.close()
            self.stream = None
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Says nothing: standard error belongs to the command."""

    def _open(self) -> TextIOWrapper:
        path = Path(self.baseFilename)
        for folder in (path.parent.parent, path.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
            if folder.is_symlink():
                raise OSError(f"{folder} is a symbolic link")
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | _NO_FOLLOW, 0o600)
        os.fchmod(descriptor, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8", errors="backslashreplace")

    def _is_moved(self, stream: TextIOWrapper) -> bool:
        try:
            there, ours = os.stat(self.baseFilename), os.fstat(stream.fileno())  # noqa: PTH116 - as logging has it
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)


class LogFormatter(logging.Formatter):
    """One line a record, without secrets.

    Of an error it tells the kind and the places in the code. What the error says may quote the conversation, so it is
    told in detail only.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(process)d %(name)s: %(message)s")
        self.is_detailed = False
        self.redact: Callable[[str], str] = str

    def format(self, record: logging.LogRecord) -> str:
        lines = [_visible(f"{self._head(record)}{record.getMessage()}")]
        if record.exc_info and record.exc_info[1] is not None:
            lines += [f"    {_visible(line)}" for line in self._error(record.exc_info[1])]
        return self.redact("\n".join(lines))

    def _head(self, record: logging.LogRecord) -> str:
        moment = self.formatTime(record)
        name = record.name.removeprefix("atmos_ai_sidecar.")
        return f"{moment} {record.levelname} {record.process} {name}: "

    def _error(self, error: BaseException) -> Iterable[str]:
        if self.is_detailed:
            for text in traceback.format_exception(error):
                yield from text.rstrip("\n").split("\n")
            return
        for frame in traceback.extract_tb(error.__traceback__):
            yield f"{frame.filename}:{frame.lineno} in {frame.name}"
        yield type(error).__qualname__
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if cause is not None:
            yield "caused by"
            yield from self._error(cause)


def _visible(text: str) -> str:
    return _CONTROLS.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character: Any = match.group()
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(character, f"\\u{ord(character):04x}")
