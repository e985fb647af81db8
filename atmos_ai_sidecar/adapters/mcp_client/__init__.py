"""Tools of other MCP servers. The official SDK is imported with the first server that is started, and in a thread."""

from atmos_ai_sidecar.adapters.mcp_client.server import McpServer, ServerSettings
from atmos_ai_sidecar.adapters.mcp_client.servers import McpServers
from atmos_ai_sidecar.adapters.mcp_client.tools import Pins

__all__ = ["McpServer", "McpServers", "Pins", "ServerSettings"]
