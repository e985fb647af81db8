from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.grants import Grant


class GrantStore(Protocol):
    """Remembered answers of one project, outside of it, in the user's state directory."""

    def load(self) -> Sequence[Grant]:
        """All grants, oldest first.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
        """

    def add(self, grant: Grant) -> None:
        """Remembers a grant, durably, also when another process writes at the same time.

        Raises:
            StorageCorruptError: The file is not ours or broken; nothing is remembered.
        """
