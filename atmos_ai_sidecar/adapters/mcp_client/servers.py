"""The servers that a project names, as one source of tools: started together, when somebody first wants their tools."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from atmos_ai_sidecar.adapters.mcp_client.failures import AnsweredError, LostError
from atmos_ai_sidecar.adapters.mcp_client.server import McpServer, ServerSettings
from atmos_ai_sidecar.adapters.mcp_client.tools import Pins, accepted, tools_of
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.errors import SidecarError

_LOG = logging.getLogger(__name__)


class McpServers:
    """Several servers. One that fails is left out and told about in ``problems``; the others are not delayed."""

    def __init__(
        self,
        settings: Sequence[ServerSettings],
        *,
        clock: Clock,
        pins: Pins,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """Wires the servers; nothing is started.

        Args:
            settings: The servers, each with a name of its own.
            clock: Measures the time between restarts.
            pins: Remembers how tools were described.
            on_change: Called when a server says that its tools are others now.
        """
        self._servers = [McpServer(one, clock, on_tools_changed=on_change) for one in settings]
        self._pins = pins
        self.problems: Sequence[str] = ()
        """Why servers or tools are missing, as of the last time that the tools were wanted."""

    async def tools(self) -> Sequence[Tool]:
        """The tools of all servers that answer within ten seconds, sorted by name."""
        found = await asyncio.gather(*map(self._tools_of, self._servers))
        self.problems = tuple(problem for _, problems in found for problem in problems)
        for problem in self.problems:
            _LOG.warning("%s", problem)
        return tuple(sorted((tool for tools, _ in found for tool in tools), key=lambda tool: tool.name))

    async def close(self) -> None:
        """Ends all servers."""
        await asyncio.gather(*(server.close() for server in self._servers))

    async def _tools_of(self, server: McpServer) -> tuple[Sequence[Tool], Sequence[str]]:
        name = server.settings.name
        try:
            raw = await server.list_tools()
            definitions, problems = await asyncio.to_thread(accepted, server.settings, raw)
            hashes = {definition.name: definition.hash for definition in definitions}
            pinned = dict(await asyncio.to_thread(self._pins.first_seen, name, hashes))
        except (LostError, AnsweredError) as error:
            return (), (f"The MCP server {name} is left out: {error}.",)
        except SidecarError as error:
            return (), (f"The MCP server {name} is left out: {error}",)
        return tools_of(server, definitions, pinned, self._pins), problems
