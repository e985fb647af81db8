from typing import Protocol


class Owners(Protocol):
    """Which sidecar processes that share a store are alive."""

    def is_alive(self, owner: str) -> bool:
        """Whether the process with that instance id still runs; unknown ids are dead."""
