from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.edits import FileChange


class FileChanges(Protocol):
    """Keeps what files were before tools changed them, on this machine and for the user alone.

    It holds whole files, with their secrets: nothing of it may be shown, logged or sent anywhere. Old changes are
    dropped when there are many. Safe under threads; the calls block.
    """

    def add(self, session_id: str, change: FileChange, before: bytes | None) -> None:
        """Keeps a change before it is made; ``before`` is None when there is no file yet. Its id is set here.

        Raises:
            StorageUnavailableError: It cannot be kept, so the change must not be made.
        """

    def newest_turn(self, session_id: str) -> Sequence[FileChange]:
        """The changes of the last turn that made any, oldest first."""

    def before(self, session_id: str, change: FileChange) -> bytes | None:
        """The content from before a change; None when there was no file.

        Raises:
            StorageCorruptError: It is not what was kept.
        """

    def forget(self, session_id: str, changes: Sequence[FileChange]) -> None:
        """Drops changes; those that are not kept any more are no error."""
