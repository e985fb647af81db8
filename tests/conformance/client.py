"""The client that the conformance suite runs: our own, which lists the tools of a URL and calls each of them."""

import os
from collections.abc import Mapping

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.mcp_client import McpServers, ServerSettings
from atmos_ai_sidecar.domain.tools import Execution, Parameter, Tool

_VALUES = {"string": "text", "integer": 5, "number": 5.0, "boolean": True, "array": [], "object": {}}


class NoPins:
    """Remembers nothing: every server is new."""

    def first_seen(self, _server: str, hashes: Mapping[str, str]) -> Mapping[str, str]:
        return hashes

    def pin(self, server: str, tool: str, description_hash: str) -> None:
        pass


async def use_server(url: str) -> int:
    """Does what a turn would do, and returns an exit code."""
    settings = ServerSettings(name="suite", url=url, environment=dict(os.environ))
    servers = McpServers([settings], clock=SystemClock(), pins=NoPins())
    try:
        tools = await servers.tools()
        for tool in tools:
            execution = Execution(tool_call_id="1", session_id="", emit=lambda _piece: None)
            await tool.execute(inputs(tool), execution)
        return 1 if servers.problems else 0
    finally:
        await servers.close()


def inputs(tool: Tool) -> dict[str, object]:
    return {parameter.name: value(parameter) for parameter in tool.parameters}


def value(parameter: Parameter) -> object:
    return _VALUES[parameter.type]
