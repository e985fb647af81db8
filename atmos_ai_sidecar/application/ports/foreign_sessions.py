from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.checkpoints import Checkpoint
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSession:
    """One session of another program."""

    identity: str
    """The same at every reading, and of no other session."""
    checkpoint: Checkpoint
    """Its name may be one that we would not allow."""
    archived: bool = False


class ForeignSessions(Protocol):
    """Sessions of another program, which are read and never written."""

    async def read(self) -> Sequence[ForeignSession]:
        """All of them, oldest first; none when the other program has none.

        Raises:
            StorageUnavailableError, StorageCorruptError
        """
