"""One session's file: read as it grows, written a line at a time."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from atmos_ai_sidecar.adapters.json_files.records import (
    FORMAT,
    Appended,
    Change,
    Facts,
    Header,
    Record,
    from_line,
    to_line,
)
from atmos_ai_sidecar.adapters.storage.problems import corrupt, full, unavailable
from atmos_ai_sidecar.adapters.storage.values import UnreadableError, from_json
from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.sessions import ContextItem, Session
from atmos_ai_sidecar.errors import SchemaTooNewError

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


class SessionFile:
    """What a file says up to the last line end that was read; ``refresh`` reads on from there.

    The texts of messages are not kept: only where they are.
    """

    header: Header | None
    revision: int
    context: dict[tuple[str, str], ContextItem]
    appended_by: dict[str, tuple[int, int]]
    """First and last message of an append by its request id."""
    _session: Session | None
    _spans: list[tuple[int, int, int]]
    """Last message's id, place and length of each line of messages."""
    _end: int

    def __init__(self, path: Path) -> None:
        self.path = path
        self._identity = (0, 0)
        self._start_over()

    @property
    def session(self) -> Session:
        assert self._session is not None  # noqa: S101 - a file without its first line is never handed out
        return replace(self._session, etag=f"r{self.revision}", message_count=self.last_id)

    @property
    def last_id(self) -> int:
        return self._spans[-1][0] if self._spans else 0

    def refresh(self) -> bool:
        """Reads what was added; False when the file is gone or has no whole line.

        Raises:
            StorageCorruptError, SchemaTooNewError, StorageUnavailableError
        """
        try:
            with _opened(self.path, os.O_RDONLY) as descriptor:
                found = os.fstat(descriptor)
                if (found.st_dev, found.st_ino) != self._identity:
                    self._start_over()
                    self._identity = (found.st_dev, found.st_ino)
                if found.st_size > self._end:
                    self._take(_read(descriptor, self._end, found.st_size - self._end))
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unavailable(str(self.path), error.strerror or str(error)) from error
        return self._session is not None

    def append(self, record: Record) -> None:
        """Writes one line and takes it in; call it under the folder's lock, after ``refresh``.

        Raises:
            StorageFullError, StorageUnavailableError: Nothing was written.
        """
        line = to_line(record)
        with written(self.path), _opened(self.path, os.O_WRONLY) as descriptor:
            # What a writer that died has left behind its last whole line.
            os.ftruncate(descriptor, self._end)
            try:
                write_all(descriptor, line, self._end)
            except OSError:
                os.ftruncate(descriptor, self._end)
                raise
        self._take(line)

    def newest(self, limit: int) -> Sequence[Message]:
        """The newest ``limit`` messages in order; 0 means all."""
        wanted = self.last_id - limit if limit else 0
        return tuple(message for message in self._messages(wanted) if message.id > wanted)

    def after(self, message_id: int, limit: int) -> Sequence[Message]:
        """Messages in order, from the one after that id on."""
        found: list[Message] = []
        for message in self._messages(message_id):
            if message.id > message_id:
                found.append(message)
            if len(found) == limit:
                break
        return tuple(found)

    def _start_over(self) -> None:
        self.header = self._session = None
        self.revision = 1
        self.context, self.appended_by, self._spans = {}, {}, []
        self._end = 0

    def _messages(self, after: int) -> Iterator[Message]:
        spans = [span for span in self._spans if span[0] > after]
        if not spans:
            return
        with _opened(self.path, os.O_RDONLY) as descriptor:
            for _, place, length in spans:
                record = self._record(_read(descriptor, place, length))
                if isinstance(record, Appended):
                    for message in record.messages:
                        yield replace(message, session_id=self.session.id)

    def _take(self, content: bytes) -> None:
        whole = content[: content.rfind(b"\n") + 1]
        for line in whole.splitlines(keepends=True):
            self._apply(self._record(line), len(line))
            self._end += len(line)

    def _record(self, line: bytes) -> Record:
        try:
            if self._session is None:
                self._check_format(line)
            return from_line(line)
        except UnreadableError as error:
            raise corrupt(str(self.path), f"a line is unreadable ({error})") from error

    def _check_format(self, line: bytes) -> None:
        number = from_json(line.decode("utf-8", "replace"), lambda values: values["format"])
        if isinstance(number, int) and number > FORMAT:
            raise SchemaTooNewError(
                f"The session file {self.path} has format {number}; this program knows formats up to {FORMAT}.",
                remedy="Update atmos-ai-sidecar.",
                path=str(self.path),
            )

    def _apply(self, record: Record, length: int) -> None:
        if isinstance(record, Header) and self._session is None:
            self.header, self._session = record, record.session
        elif self._session is None or isinstance(record, Header):
            raise corrupt(str(self.path), "its first line is not that of a session, or comes twice")
        elif isinstance(record, Change):
            changed = {name: getattr(record.change, name) for name in record.change.__slots__}
            changed = {name: value for name, value in changed.items() if value is not None}
            self._session = replace(self._session, **changed, update_time=max(self._session.update_time, record.time))
            self.revision += 1
        elif isinstance(record, Facts):
            self.context |= {(item.context_type, item.context_key): item for item in record.items}
        elif record.messages:
            first, last = record.messages[0].id, record.messages[-1].id
            self._spans.append((last, self._end, length))
            self._session = replace(self._session, update_time=max(self._session.update_time, record.time))
            if record.request_id:
                self.appended_by[record.request_id] = (first, last)


@contextmanager
def written(path: Path) -> Iterator[None]:
    """Raises what the system says about a write as an error of the tree."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
            raise full(str(path)) from error
        raise unavailable(str(path), error.strerror or str(error)) from error


def write_all(descriptor: int, content: bytes, place: int) -> None:
    """Writes all of it at that place, however many calls it takes."""
    view = memoryview(content)
    while view:
        count = os.pwrite(descriptor, view, place)
        view, place = view[count:], place + count


def _read(descriptor: int, place: int, length: int) -> bytes:
    pieces: list[bytes] = []
    while length and (piece := os.pread(descriptor, length, place)):
        pieces.append(piece)
        place, length = place + len(piece), length - len(piece)
    return b"".join(pieces)


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags | os.O_CLOEXEC | _NO_FOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
