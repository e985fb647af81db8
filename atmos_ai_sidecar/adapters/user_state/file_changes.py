"""What files were before tools changed them: two files a change, in the user's state directory.

They are no part of the session store, because they hold whole files with their secrets, and because they are about
this machine's files wherever the sessions are kept.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path

from atmos_ai_sidecar.adapters.user_state.state_directory import make_private, project_folder, unavailable
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.edits import FileChange
from atmos_ai_sidecar.errors import StorageCorruptError

KEPT_CHANGES = 200
KEPT_BYTES = 64 << 20
"""Of one session; the newest change is kept whatever its size."""
KEPT_SECONDS = 30 * 24 * 3600.0
"""A session that has changed no file for so long has nothing to undo any more."""

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class FileChangesFolder:
    """The ``FileChanges`` of one project."""

    def __init__(self, state: Path, project: str, clock: Clock) -> None:
        self._state = state
        self._folder = project_folder(state, project) / "undo"
        self._clock = clock
        self._lock = threading.Lock()

    def add(self, session_id: str, change: FileChange, before: bytes | None) -> None:
        """Keeps a change; see ``FileChanges``."""
        folder = self._of(session_id)
        with self._lock:
            make_private(folder, self._state)
            try:
                numbers = _numbers(folder)
                number = numbers[-1] + 1 if numbers else 1
                _drop(folder, number)
                if before is not None:
                    _write(folder / f"{number:08d}.before", before)
                record = dataclasses.asdict(change) | {"id": str(number)}
                # Only now the change counts, so that a change always has its content.
                _write(folder / f"{number:08d}.new", json.dumps(record).encode())
                (folder / f"{number:08d}.new").rename(folder / f"{number:08d}.json")
                _prune(folder, [*numbers, number])
                self._drop_old_sessions()
            except OSError as error:
                raise unavailable(folder, error) from error

    def newest_turn(self, session_id: str) -> Sequence[FileChange]:
        """The changes of the last turn; see ``FileChanges``."""
        folder = self._of(session_id)
        changes: list[FileChange] = []
        for number in reversed(_numbers(folder)):
            change = _read(folder / f"{number:08d}.json")
            if changes and change.turn_id != changes[0].turn_id:
                break
            changes.append(change)
        return tuple(reversed(changes))

    def before(self, session_id: str, change: FileChange) -> bytes | None:
        """The content from before; see ``FileChanges``."""
        if not change.before_digest:
            return None
        path = self._of(session_id) / f"{int(change.id):08d}.before"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise unavailable(path, error) from error
        if hashlib.sha256(content).hexdigest() != change.before_digest:
            raise _corrupt(path)
        return content

    def forget(self, session_id: str, changes: Sequence[FileChange]) -> None:
        """Drops changes; see ``FileChanges``."""
        folder = self._of(session_id)
        with self._lock:
            for change in changes:
                _drop(folder, int(change.id))

    def _of(self, session_id: str) -> Path:
        return self._folder / hashlib.sha256(session_id.encode()).hexdigest()[:32]

    def _drop_old_sessions(self) -> None:
        oldest = self._clock.now().timestamp() - KEPT_SECONDS
        for folder in self._folder.iterdir():
            if folder.lstat().st_mtime < oldest:
                shutil.rmtree(folder, ignore_errors=True)


class FileChangesInMemory:
    """The ``FileChanges`` of sessions that leave nothing behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, list[tuple[FileChange, bytes | None]]] = {}

    def add(self, session_id: str, change: FileChange, before: bytes | None) -> None:
        """Keeps a change; see ``FileChanges``."""
        with self._lock:
            kept = self._kept.setdefault(session_id, [])
            number = int(kept[-1][0].id) + 1 if kept else 1
            kept.append((dataclasses.replace(change, id=str(number)), before))
            del kept[:-KEPT_CHANGES]
            while len(kept) > 1 and sum(len(content or b"") for _, content in kept) > KEPT_BYTES:
                del kept[0]

    def newest_turn(self, session_id: str) -> Sequence[FileChange]:
        """The changes of the last turn; see ``FileChanges``."""
        with self._lock:
            changes = [change for change, _ in self._kept.get(session_id, ())]
        return tuple(change for change in changes if change.turn_id == changes[-1].turn_id)

    def before(self, session_id: str, change: FileChange) -> bytes | None:
        """The content from before; see ``FileChanges``."""
        with self._lock:
            return next((content for kept, content in self._kept.get(session_id, ()) if kept.id == change.id), None)

    def forget(self, session_id: str, changes: Sequence[FileChange]) -> None:
        """Drops changes; see ``FileChanges``."""
        gone = {change.id for change in changes}
        with self._lock:
            kept = self._kept.get(session_id, [])
            self._kept[session_id] = [pair for pair in kept if pair[0].id not in gone]


def _numbers(folder: Path) -> list[int]:
    """The numbers of the changes, oldest first."""
    try:
        return sorted(int(path.stem) for path in folder.glob("*.json") if path.stem.isdecimal())
    except OSError as error:
        raise unavailable(folder, error) from error


def _read(path: Path) -> FileChange:
    try:
        return FileChange(**json.loads(path.read_bytes()))
    except OSError as error:
        raise unavailable(path, error) from error
    except (ValueError, TypeError) as error:
        raise _corrupt(path) from error


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, _NEW, 0o600), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _prune(folder: Path, numbers: Sequence[int]) -> None:
    """Drops the oldest changes until the others are few and small enough."""
    sizes = {path.stem: path.stat().st_size for path in folder.glob("*.before")}
    room = KEPT_BYTES
    for rank, number in enumerate(reversed(numbers)):
        room -= sizes.get(f"{number:08d}", 0)
        if rank > 0 and (room < 0 or rank >= KEPT_CHANGES):
            _drop(folder, number)


def _drop(folder: Path, number: int) -> None:
    for end in (".json", ".before", ".new"):
        with contextlib.suppress(FileNotFoundError):
            (folder / f"{number:08d}{end}").unlink()


def _corrupt(path: Path) -> StorageCorruptError:
    return StorageCorruptError(
        f"{path} is not what was kept for /undo.",
        remedy="It was left alone; use Git to restore the file.",
        path=str(path),
    )
