import json
import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from atmos_ai_sidecar.adapters.owner_locks import OwnerLocks
from atmos_ai_sidecar.adapters.user_state.json_file import MAX_BYTES, JsonFile
from atmos_ai_sidecar.adapters.user_state.state_directory import project_folder, unavailable
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.unsent_texts import Unsent
from atmos_ai_sidecar.errors import StorageCorruptError

KEPT_DAYS: Final = 30
"""What nobody came back for by then is removed."""
_DAY_SECONDS: Final = 86_400
_FRAME_BYTES: Final = 4096


class UnsentTextsFolder:
    """The ``UnsentTexts`` of one chat: a file of its own in the project's ``unsent``, in the user's state directory.

    Beside it the chat holds a lock for as long as it lives; a file whose lock is free was left behind.
    """

    def __init__(self, state: Path, project: str, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._folder = project_folder(state, project) / "unsent"
        self._chat = secrets.token_hex(8)
        self._file = JsonFile(self._folder / f"{self._chat}.json", state)
        self._locks = OwnerLocks(self._folder)
        self._one_by_one = threading.Lock()  # a caller that was cancelled leaves its thread behind
        self._is_held = self._is_closed = False

    def take_over(self, session_id: str) -> Unsent | None:
        """See ``UnsentTexts``; files that are not ours are left alone."""
        if not self._folder.is_dir():
            return None
        with self._one_by_one, self._file.locked():
            found = {path: unsent for path in self._left_behind() if (unsent := self._read(path)) is not None}
            left = {path: unsent for path, unsent in found.items() if unsent.session_id == session_id}
            if not left:
                return None
            everything = _joined(session_id, [*left.values()])
            self._write(everything)
            for path in left:
                path.unlink(missing_ok=True)
        return everything

    def keep(self, unsent: Unsent) -> None:
        """See ``UnsentTexts``. It outlives every process, and not a loss of power."""
        with self._one_by_one:
            if not self._is_closed:
                self._keep(unsent)

    def close(self, last: Unsent | None) -> None:
        with self._one_by_one:
            try:
                if last is not None:
                    self._keep(last)
            finally:
                self._is_closed = True
                self._locks.release()

    def _keep(self, unsent: Unsent) -> None:
        if unsent.is_empty:
            try:
                self._file.path.unlink(missing_ok=True)
            except OSError as error:
                raise unavailable(self._file.path, error) from error
            return
        if len(json.dumps(_values(unsent))) > MAX_BYTES - _FRAME_BYTES:
            return
        with self._file.locked():
            self._write(unsent)

    def _write(self, unsent: Unsent) -> None:
        if not self._is_held:
            try:
                self._locks.hold(self._chat)
            except OSError as error:
                raise unavailable(self._folder, error) from error
            self._is_held = True
        self._file.write(_values(unsent), is_durable=False)

    def _left_behind(self) -> Sequence[Path]:
        """The files of chats that have ended, oldest first; very old ones are removed."""
        found: dict[Path, float] = {}
        for path in self._folder.glob("*.json"):
            if path.stem == self._chat or self._locks.is_alive(path.stem):
                continue
            changed = path.lstat().st_mtime
            if self._clock.now().timestamp() - changed > KEPT_DAYS * _DAY_SECONDS:
                path.unlink(missing_ok=True)
            else:
                found[path] = changed
        return sorted(found, key=lambda path: found[path])

    def _read(self, path: Path) -> Unsent | None:
        try:
            return _unsent(JsonFile(path, self._state).read() or {})
        except StorageCorruptError:
            return None


def _joined(session_id: str, left: Sequence[Unsent]) -> Unsent:
    """What several chats left as if one had: the newest draft is the draft, older ones wait with the messages."""
    *older, newest = left
    queue: list[str] = []
    for unsent in older:
        queue += [text for text in (unsent.sending, *unsent.queue, unsent.draft) if text.strip()]
    return Unsent(session_id=session_id, draft=newest.draft, sending=newest.sending, queue=(*queue, *newest.queue))


def _values(unsent: Unsent) -> dict[str, Any]:
    return {
        "session": unsent.session_id,
        "draft": unsent.draft,
        "sending": unsent.sending,
        "queue": list(unsent.queue),
    }


def _unsent(values: Mapping[str, Any]) -> Unsent | None:
    session, draft, sending, queue = (values.get(name) for name in ("session", "draft", "sending", "queue"))
    texts = (session, draft, sending, *(queue if isinstance(queue, list) else (None,)))
    if not all(isinstance(text, str) for text in texts):
        return None
    return Unsent(session_id=str(session), draft=str(draft), sending=str(sending), queue=tuple(queue or ()))
