"""The edge for other agents: our tools over MCP, with our permissions. The SDK is imported when it is used."""

from atmos_ai_sidecar.mcp_server.serving import OpenForMcp, serve_mcp

__all__ = ["OpenForMcp", "serve_mcp"]
