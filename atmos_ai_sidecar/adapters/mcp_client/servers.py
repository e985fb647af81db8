"""The servers that a project names, as one source of tools: started together, when somebody first wants their tools."""

import asyncio
import logging
from collections.abc import Sequence

from atmos_ai_sidecar.adapters.mcp_client.failures import AnsweredError, LostError
from atmos_ai_sidecar.adapters.mcp_client.server import McpServer, ServerSettings
from atmos_ai_sidecar.adapters.mcp_client.tools import Pins, accepted, tools_of
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.errors import SidecarError

RETRY_SECONDS = 60.0
"""How long a server that was left out is not tried again."""

_LOG = logging.getLogger(__name__)


class McpServers:
    """The ToolSource of several servers. One that fails is left out and told about; the others are not delayed by it.

    What a server listed is kept until it says that its tools are others now.
    """

    def __init__(self, settings: Sequence[ServerSettings], *, clock: Clock, pins: Pins) -> None:
        """Wires the servers; nothing is started.

        Args:
            settings: The servers, each with a name of its own.
            clock: Measures the time between restarts.
            pins: Remembers how tools were described.
        """
        self._listings = [_Listing(one, clock, pins) for one in settings]

    @property
    def problems(self) -> Sequence[str]:
        """Why servers or tools are missing, as of the last time that the tools were wanted."""
        return tuple(problem for listing in self._listings for problem in listing.problems)

    async def tools(self) -> Sequence[Tool]:
        """The tools of all servers that answer within ten seconds, sorted by name."""
        await asyncio.gather(*(listing.refresh() for listing in self._listings))
        return tuple(sorted((tool for listing in self._listings for tool in listing.tools), key=lambda tool: tool.name))

    async def close(self) -> None:
        """Ends all servers."""
        await asyncio.gather(*(listing.server.close() for listing in self._listings))


class _Listing:
    """What one server offers."""

    def __init__(self, settings: ServerSettings, clock: Clock, pins: Pins) -> None:
        self.server = McpServer(settings, clock, on_tools_changed=self._outdate)
        self.tools: Sequence[Tool] = ()
        self.problems: Sequence[str] = ()
        self._clock = clock
        self._pins = pins
        self._is_current = False
        self._retry_time = 0.0

    async def refresh(self) -> None:
        """Asks the server if that may bring something new."""
        if self._is_current or self._clock.monotonic() < self._retry_time:
            return
        self._is_current = True
        problem = ""
        try:
            await self._ask()
        except (LostError, AnsweredError) as error:
            problem = f"The MCP server {self.server.settings.name} is left out: {error}."
        except SidecarError as error:
            problem = f"The MCP server {self.server.settings.name} is left out: {error}"
        except asyncio.CancelledError:
            self._is_current = False
            raise
        if problem:
            self._is_current = False
            self._retry_time = self._clock.monotonic() + RETRY_SECONDS
            self.tools, self.problems = (), (problem,)
        for line in self.problems:
            _LOG.warning("%s", line)

    async def _ask(self) -> None:
        raw = await self.server.list_tools()
        definitions, problems = await asyncio.to_thread(accepted, self.server.settings, raw)
        hashes = {definition.name: definition.hash for definition in definitions}
        pinned = dict(await asyncio.to_thread(self._pins.first_seen, self.server.settings.name, hashes))
        self.tools, self.problems = tools_of(self.server, definitions, pinned, self._pins), problems

    def _outdate(self) -> None:
        self._is_current = False
