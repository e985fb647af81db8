"""Reads files within limits: what is too large, binary or no text is said and not loaded."""

import hashlib
import os
from collections.abc import Iterator
from typing import BinaryIO

from atmos_ai_sidecar.adapters.local_tools.files.places import Place, opened_file, translated
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

WHOLE_BYTES = 8 << 20
"""Larger files are read in part and never edited."""
SCANNED_BYTES = 64 << 20
"""How far into a large file a line is looked for; the lines of such a file are not counted."""
OUTPUT_CHARACTERS = 25_000
"""Below what the executor would cut."""
LINE_BYTES = 4_000

_HEAD_BYTES = 8_192


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A whole file as it was at one moment."""

    data: bytes
    status: os.stat_result

    @property
    def digest(self) -> str:
        return digest_of(self.data)

    def text(self, shown: str) -> str:
        """The content as text, a mark of the byte order included.

        Raises:
            ToolExecutionFailedError: It is binary or no UTF-8.
        """
        if is_binary(self.data):
            raise _binary(shown)
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = self.data.count(b"\n", 0, error.start) + 1
            raise ToolExecutionFailedError(
                f"{shown} is not UTF-8 text (line {line}), so it cannot be edited here.", path=shown
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some lines of a file."""

    text: str
    first: int
    last: int
    """The number of the last line that is shown; ``first - 1`` when none is."""
    total: int | None
    """None: the file is too large to count."""


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def is_binary(data: bytes) -> bool:
    """Whether the start of a file is of no text: it has a zero byte, as UTF-16 has too."""
    return b"\0" in data[:_HEAD_BYTES]


def read_whole(place: Place) -> Content | None:
    """The whole file; None when there is none.

    Raises:
        ToolExecutionFailedError: It is no regular file, cannot be read, or is larger than ``WHOLE_BYTES``.
    """
    if place.status() is None:
        return None
    with translated(place.shown), os.fdopen(opened_file(place), "rb") as stream:
        status = os.fstat(stream.fileno())
        data = stream.read(WHOLE_BYTES + 1)
        if len(data) > WHOLE_BYTES:
            raise ToolExecutionFailedError(
                f"{place.shown} is larger than {WHOLE_BYTES >> 20} MiB, so it is only read in part and not edited.",
                path=place.shown,
            )
        return Content(data=data, status=status)


def window(stream: BinaryIO, shown: str, *, offset: int, limit: int) -> Window:
    """At most ``limit`` lines from line ``offset`` on, and no more characters than the model can take.

    Bytes that are no UTF-8 are shown as U+FFFD, lines that are too long are cut.

    Raises:
        ToolExecutionFailedError: The file is binary, or the line is too far into a large file.
        InvalidFieldError: The file has no line ``offset``.
    """
    head = stream.read(_HEAD_BYTES)
    if is_binary(head):
        raise _binary(shown)
    stream.seek(0)
    shown_lines: list[str] = []
    room = OUTPUT_CHARACTERS
    number = scanned = 0
    for line, size in _lines(stream):
        scanned += size
        number += 1
        is_wanted = number >= offset and len(shown_lines) < limit and room > 0
        if is_wanted and (room := room - len(line) - 1) >= 0:
            shown_lines.append(line)
        elif is_wanted:
            room = 0
        is_full = len(shown_lines) == limit or room <= 0
        if scanned > SCANNED_BYTES or (scanned > WHOLE_BYTES and is_full):
            return _window(shown_lines, shown, offset=offset, seen=number, total=None)
    return _window(shown_lines, shown, offset=offset, seen=number, total=number)


def _window(lines: list[str], shown: str, *, offset: int, seen: int, total: int | None) -> Window:
    if not lines and total is None:
        raise ToolExecutionFailedError(
            f"Line {offset} is more than {SCANNED_BYTES >> 20} MiB into {shown}.",
            remedy="Look for it with file_search or a command.",
            path=shown,
        )
    if offset > max(1, seen):
        raise InvalidFieldError("offset", f"{shown} has {seen} lines.")
    return Window(text="\n".join(lines), first=offset, last=offset + len(lines) - 1, total=total)


def _lines(stream: BinaryIO) -> Iterator[tuple[str, int]]:
    """Every line without its end, cut where it is too long, and how many bytes it has."""
    while raw := stream.readline(LINE_BYTES):
        size = len(raw)
        last = raw
        while not last.endswith(b"\n") and size <= SCANNED_BYTES and (last := stream.readline(1 << 16)):
            size += len(last)
        text = raw.rstrip(b"\r\n").decode("utf-8", "replace")
        yield (f"{text} … [the line has {size:,} bytes]" if size > len(raw) + 1 else text), size


def _binary(shown: str) -> ToolExecutionFailedError:
    return ToolExecutionFailedError(f"{shown} is a binary file.", path=shown)
