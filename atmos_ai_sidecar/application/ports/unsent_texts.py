from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsent:
    """What somebody has typed in a chat and not sent."""

    session_id: str
    draft: str = ""
    sending: str = ""
    """A message that was on its way: it may be in the session already."""
    queue: Sequence[str] = ()
    """Messages that wait, oldest first."""

    @property
    def is_empty(self) -> bool:
        return not (self.draft.strip() or self.sending or self.queue)


class UnsentTexts(Protocol):
    """Keeps what one chat has not sent for a later one, should this one break. Every call may block."""

    def take_over(self, session_id: str) -> Unsent | None:
        """What broken chats left in a session, which is this chat's from now on; None when there is nothing.

        What a living chat keeps stays its own. A text is given to one chat only, and lost between two of them never.

        Raises:
            StorageUnavailableError, StorageBusyError: It cannot be read or written.
        """

    def keep(self, unsent: Unsent) -> None:
        """Replaces what this chat keeps; nothing of it stays when there is nothing. Several megabytes are not kept.

        Raises:
            StorageUnavailableError, StorageBusyError: It cannot be written.
        """

    def close(self, last: Unsent | None) -> None:
        """Gives up to the next chat what is kept, or the last of it; raises as ``keep``. Nothing is kept afterwards."""
