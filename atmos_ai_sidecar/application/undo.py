"""Takes back what file tools did in the last turn that changed files.

Guarantee: a file that somebody else has changed since is never overwritten; when there is one, nothing is restored
until the caller says that it shall be left out. Infrastructure is never touched.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import field

from atmos_ai_sidecar.application.ports.file_changes import FileChanges
from atmos_ai_sidecar.application.ports.file_restorer import FileRestorer
from atmos_ai_sidecar.domain.edits import Restoration, restorations
from atmos_ai_sidecar.errors import ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What came of it; the paths are for people."""

    turn_id: str = ""
    """Empty when there was nothing to undo."""
    restored: Sequence[str] = ()
    removed: Sequence[str] = ()
    """Files that the turn had created."""
    conflicts: Mapping[str, str] = field(default_factory=dict)
    """Files that were left as they are, each with the reason. Without ``leave_changed`` nothing was restored then."""


class Undo:
    """``/undo`` of one workspace. Must not run while a turn of the session does."""

    def __init__(self, changes: FileChanges, files: FileRestorer) -> None:
        self._changes = changes
        self._files = files

    async def last_turn(self, session_id: str, *, leave_changed: bool = False) -> Undone:
        """Restores the files that the last turn with changes changed; calling it again goes one turn further back.

        Args:
            session_id: Whose turn.
            leave_changed: Leave out what was changed since, and forget how it was; else such a file stops it all.

        Raises:
            StorageCorruptError, StorageUnavailableError: What was kept cannot be read.
        """
        return await asyncio.to_thread(self._last_turn, session_id, leave_changed=leave_changed)

    def _last_turn(self, session_id: str, *, leave_changed: bool) -> Undone:
        changes = self._changes.newest_turn(session_id)
        if not changes:
            return Undone()
        wanted = restorations(changes)
        conflicts = {wish.path: reason for wish in wanted if (reason := self._conflict(wish))}
        done: list[Restoration] = []
        if not conflicts or leave_changed:
            for wish in wanted:
                if wish.path not in conflicts:
                    reason = self._restore(session_id, wish)
                    conflicts |= {wish.path: reason} if reason else {}
                    done += [] if reason else [wish]
            paths = {wish.path for wish in done} | (conflicts.keys() if leave_changed else set())
            self._changes.forget(session_id, [change for change in changes if change.path in paths])
        return Undone(
            turn_id=changes[-1].turn_id,
            restored=[self._files.shown(wish.path) for wish in done if wish.first.before_digest],
            removed=[self._files.shown(wish.path) for wish in done if not wish.first.before_digest],
            conflicts={self._files.shown(path): reason for path, reason in conflicts.items()},
        )

    def _conflict(self, wish: Restoration) -> str:
        """Why a file cannot be restored; empty when it can."""
        if not wish.is_continuous:
            return "it was changed by somebody else during the turn"
        try:
            found = self._files.digest(wish.path)
        except ToolExecutionFailedError as error:
            return str(error)
        is_ours = found in {wish.after_digest, wish.first.before_digest}
        return "" if is_ours else "it was changed since" if found else "it was removed since"

    def _restore(self, session_id: str, wish: Restoration) -> str:
        """Why a file was not restored; empty when it was."""
        try:
            if self._files.digest(wish.path) != wish.first.before_digest:
                before = self._changes.before(session_id, wish.first)
                self._files.restore(wish.path, before, mode=wish.first.mode, expected=wish.after_digest)
        except ToolExecutionFailedError as error:
            return str(error)
        return ""
