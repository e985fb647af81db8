from collections.abc import Sequence
from typing import Protocol

from atmos_ai_sidecar.domain.tools import Tool


class ToolSource(Protocol):
    """Tools that are found while a workspace is in use: plug-ins, MCP servers.

    Asked for the first time when somebody wants to know the tools, and again before every model request, so a source
    answers from memory when nothing has changed. It bounds its own waiting.
    """

    @property
    def problems(self) -> Sequence[str]:
        """One line for people about each part of the source that was left out at the last time of asking, and why."""

    async def tools(self) -> Sequence[Tool]:
        """The tools that the source has now. Never raises for a part that is broken: it leaves it out."""

    async def close(self) -> None:
        """Ends what the source has started. Its tools are not run any more."""
