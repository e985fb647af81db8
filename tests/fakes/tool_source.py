from collections.abc import Sequence

from atmos_ai_sidecar.domain.tools import Tool


class FakeToolSource:
    """Has the tools that a test gives it."""

    def __init__(self, *tools: Tool, problems: Sequence[str] = ()) -> None:
        self.now: Sequence[Tool] = tools
        self.problems = problems
        self.is_closed = False

    async def tools(self) -> Sequence[Tool]:
        return self.now

    async def close(self) -> None:
        self.is_closed = True
