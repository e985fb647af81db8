from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from atmos_ai_sidecar.domain.audit import AuditRow, Seal


class AuditLog(Protocol):
    """Keeps the rows of audit chains. No row is ever changed; deleting a session leaves them."""

    async def append_audit_row(self, row: AuditRow) -> bool:
        """Adds a row, durably; False when the chain has another row of that number, which stays as it is.

        The same row again is no error.
        """

    async def audit_rows(self, chain: str, *, after: int, limit: int) -> Sequence[AuditRow]:
        """The rows of a chain whose number is larger, in the order of their numbers."""

    async def newest_audit_rows(self, chain: str, *, before: int, limit: int) -> Sequence[AuditRow]:
        """The rows of a chain whose number is smaller, newest first."""

    async def remove_audit_rows(self, chain: str, *, up_to: int) -> None:
        """Removes the rows of a chain up to that number."""


class HeldSeal(Protocol):
    """The seal while nobody else can change it."""

    seal: Seal

    def save(self, seal: Seal, *, is_durable: bool = False) -> None:
        """Replaces it; what is durable outlives a loss of power too."""


class SealStore(Protocol):
    """Keeps the seal of one chain, outside of the project. Methods block.

    Raises StorageCorruptError when the file is not ours or broken: it is left alone, and nothing is written.
    """

    def load(self) -> Seal | None:
        """The seal; None when nothing was ever written down."""

    def held(self) -> AbstractContextManager[HeldSeal]:
        """Holds the seal for this process and task alone; makes it when there is none.

        Raises:
            StorageBusyError: Others held it for too long.
        """
