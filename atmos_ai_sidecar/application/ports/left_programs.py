from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.left_calls import LeftCall


class LeftPrograms(Protocol):
    """Programs of one project that change infrastructure, kept on record from their start until somebody forgets them.

    A program that was not cut off is there as well, until its call's result is stored. What is returned may hold
    secrets. The calls look at files, and quickly.
    """

    def list(self) -> Sequence[LeftCall]:
        """All of them, the oldest first."""

    def forget(self, call_id: str) -> None:
        """Removes the record of a call, if there is one."""

    def end(self, call_id: str) -> bool:
        """Ends a running program by SIGTERM and, if that does not help, SIGKILL; False when it does not run.

        A terraform that is killed in the middle of a change may leave its state locked, or not as things are.
        """
