from typing import Protocol

from atmos_ai_sidecar.domain.trust import TrustRecord


class TrustStore(Protocol):
    """Remembers which projects a user trusted, outside of every project."""

    def load(self, directory: str) -> TrustRecord | None:
        """What was trusted in that directory; None when nothing was.

        Raises:
            StorageCorruptError: The file is not ours or broken; it is left alone.
            StorageUnavailableError: It cannot be read.
        """

    def save(self, record: TrustRecord) -> None:
        """Remembers trust durably, in place of what was trusted there before.

        Raises:
            StorageCorruptError: The file is not ours or broken; nothing is remembered.
            StorageUnavailableError: It cannot be written.
        """
