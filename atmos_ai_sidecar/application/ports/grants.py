from collections.abc import Collection, Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.grants import Grant


class GrantStore(Protocol):
    """Remembered answers of one project, outside of it, in the user's state directory.

    Every change is one step for all processes: none is lost. A file that is not ours or broken is left alone: every
    method raises StorageCorruptError, and nothing is remembered.
    """

    def load(self) -> Sequence[Grant]:
        """All grants, oldest first, also those that have expired."""

    def add(self, grant: Grant) -> Grant:
        """Remembers a grant, durably, in place of one that said the same; returns it with the id it got."""

    def remove(self, ids: Collection[str]) -> Sequence[Grant]:
        """Forgets grants, durably, and returns those that there were."""

    def count_use(self, grant_id: str) -> None:
        """Counts that a grant decided a call; one that is gone counts nothing."""
