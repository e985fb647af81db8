"""What became of programs that outlive their call, from the records that their wardens write."""

import fcntl
import hashlib
import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from atmos_ai_sidecar.adapters.local_tools import state_locks
from atmos_ai_sidecar.application.ports.program_runner import Occasion
from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState
from atmos_ai_sidecar.domain.outputs import plain

_HEADER_LINES = 3
_MAX_BYTES = 1 << 20


class LeftProgramsFolder:
    """The ``LeftPrograms`` whose records are in one folder, together with those of other projects."""

    def __init__(self, folder: Path, project_path: str, *, make_private: Callable[[], None]) -> None:
        """Wires it.

        Args:
            folder: Where the records are.
            project_path: Whose records are listed; empty: everybody's.
            make_private: Creates the folder, for the user alone.
        """
        self._folder = folder
        self._project_path = project_path
        self._make_private = make_private

    def new(self, occasion: Occasion, now: datetime) -> tuple[Path, bytes]:
        """Where the record of a program is to be, and its first line.

        Raises:
            StorageUnavailableError: There is no place for it.
        """
        self._make_private()
        values = {
            "project": self._project_path,
            "session": occasion.session_id,
            "call": occasion.call_id,
            "text": occasion.text,
            "start_time": now.isoformat(),
        }
        return self._path(occasion.call_id), json.dumps(values).encode()

    def list(self) -> Sequence[LeftCall]:
        """See ``LeftPrograms``. A record that cannot be read is left out: it is not known what it is about."""
        found = [call for path in self._records() if (call := _read(path, self._project_path)) is not None]
        return tuple(sorted(found, key=lambda call: call.start_time))

    def forget(self, call_id: str) -> None:
        """See ``LeftPrograms``."""
        with suppress(OSError):
            self._path(call_id).unlink()

    def end(self, call_id: str) -> bool:
        """See ``LeftPrograms``. The lock says that the process with the warden's number is the warden."""
        path = self._path(call_id)
        lines = _lines(path)
        if len(lines) != _HEADER_LINES or not _is_locked(path):
            return False
        with suppress(ProcessLookupError):
            os.kill(int(lines[1]), signal.SIGUSR1)
            return True
        return False

    def _path(self, call_id: str) -> Path:
        """Ids come from outside and may hold anything."""
        return self._folder / f"{hashlib.sha256(call_id.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}.record"

    def _records(self) -> Iterator[Path]:
        with suppress(OSError):
            yield from self._folder.glob("*.record")


def _read(path: Path, project_path: str) -> LeftCall | None:
    is_locked = _is_locked(path)  # before the content: a warden writes the end and lets go afterwards
    lines = _lines(path)
    try:
        header = json.loads(lines[0])
        if project_path not in ("", header["project"]):
            return None
        call = LeftCall(
            session_id=str(header["session"]),
            call_id=str(header["call"]),
            text=str(header["text"]),
            start_time=datetime.fromisoformat(header["start_time"]),
            state=LeftState.RUNNING if is_locked else LeftState.UNKNOWN,
            pid=_number(lines, 2),
        )
    except (ValueError, KeyError, TypeError, IndexError):
        return None
    ended = _ended(call, lines)
    if ended is None and is_locked:
        return replace(call, locks=state_locks.held_below(_number(lines, 1)))
    return ended or call


def _ended(call: LeftCall, lines: Sequence[bytes]) -> LeftCall | None:
    try:
        exit_code, end_time, out_bytes, error_bytes = (int(number) for number in lines[_HEADER_LINES].split())
    except (ValueError, IndexError):  # not yet, or there was no space for it
        return None
    tail = b"\n".join(lines[_HEADER_LINES + 1 :])
    return replace(
        call,
        state=LeftState.FINISHED,
        exit_code=exit_code,
        end_time=datetime.fromtimestamp(end_time, UTC),
        output=_words(tail[:out_bytes], tail[out_bytes : out_bytes + error_bytes]),
    )


def _number(lines: Sequence[bytes], index: int) -> int:
    return int(lines[index]) if index < len(lines) else 0


def _lines(path: Path) -> list[bytes]:
    """The complete lines of a record, and what follows the last one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor
        lines = file.read(_MAX_BYTES).split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _is_locked(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _words(stdout: bytes, stderr: bytes) -> str:
    parts = (plain(part.decode("utf-8", "replace")).strip("\n") for part in (stdout, stderr))
    return "\n".join(part for part in parts if part)
