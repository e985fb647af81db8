from typing import Protocol

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPage:
    """A piece of what a tool printed."""

    tool: str
    text: str
    total: int
    """Characters of the whole."""


class ToolOutputs(Protocol):
    """Keeps what was too long for the model to see at once: redacted, with its session, the oldest dropped first."""

    async def save_output(self, session_id: str, tool_call_id: str, *, tool: str, text: str) -> None:
        """Keeps the whole output of a call, in place of what was kept for it before.

        Raises:
            SessionNotFoundError: There is no such session.
        """

    async def read_output(self, session_id: str, tool_call_id: str, *, offset: int, limit: int) -> OutputPage | None:
        """At most ``limit`` characters from ``offset`` on; None when nothing is kept for the call."""
