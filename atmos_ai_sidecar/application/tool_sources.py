"""Keeps a registry in step with the sources of its tools."""

import asyncio
from collections.abc import Sequence

from atmos_ai_sidecar.application.ports.tool_source import ToolSource
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.domain.tools import Tool, ToolRegistry
from atmos_ai_sidecar.errors import ToolExistsError


class ToolSources:
    """The sources of one workspace.

    Guarantees: of two tools with one name the one that was there first stays, and a problem names both sources; a tool
    that its source has no more is not in the registry any more.
    """

    def __init__(self, registry: ToolRegistry, sources: Sequence[ToolSource] = ()) -> None:
        self._registry = registry
        self._sources = tuple(sources)
        self._registered: dict[int, dict[str, Tool]] = {number: {} for number in range(len(self._sources))}
        self._duplicates: dict[int, list[str]] = {}
        self._loading = asyncio.Lock()

    @property
    def problems(self) -> Sequence[str]:
        """What was left out at the last loading, one line each."""
        return tuple(
            problem
            for number, source in enumerate(self._sources)
            for problem in (*source.problems, *self._duplicates.get(number, ()))
        )

    async def load(self, progress: Progress | None = None) -> None:
        """Brings the registry up to date with all sources, which are asked at the same time."""
        if not self._sources:
            return
        progress = progress or Progress()
        async with self._loading:
            progress.begin(len(self._sources), "sources")
            found = await asyncio.gather(*(_asked(source, progress) for source in self._sources))
            progress.end()
            for number, tools in enumerate(found):
                self._update(number, tools)

    async def close(self) -> None:
        """Closes every source, also when one of them fails."""
        async with asyncio.TaskGroup() as group:
            for source in self._sources:
                group.create_task(source.close())

    def _update(self, number: int, tools: Sequence[Tool]) -> None:
        known = self._registered[number]
        now = {tool.name: tool for tool in tools}
        for name in [name for name, tool in known.items() if now.get(name) is not tool]:
            self._registry.unregister(name)
            del known[name]
        self._duplicates[number] = []
        for tool in tools:
            if known.get(tool.name) is tool:
                continue
            try:
                self._registry.register(tool)
            except ToolExistsError as error:
                self._duplicates[number].append(f"{error} The second one was left out.")
            else:
                known[tool.name] = tool


async def _asked(source: ToolSource, progress: Progress) -> Sequence[Tool]:
    tools = await source.tools()
    progress.step()
    return tools
