from collections.abc import Sequence
from typing import Protocol


class InputHistory(Protocol):
    """What the user has typed in one project. Both calls may block."""

    def load(self) -> Sequence[str]:
        """The newest entries, oldest first, each one once.

        Raises:
            StorageUnavailableError: It cannot be read.
        """

    def add(self, text: str) -> None:
        """Keeps a text, without secrets; a very long one is not kept.

        Raises:
            StorageUnavailableError, StorageBusyError: It cannot be written.
        """
