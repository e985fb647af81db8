"""Our MCP server over streamable HTTP, which the conformance suite wants; the product speaks over stdio only."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn

from atmos_ai_sidecar.app import Sidecar
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.mcp_server.server import tool_server
from tests.demo.replay import ATMOS, environment


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def http_server(project: Path, home: Path, *more: Tool) -> AsyncIterator[str]:
    """The URL of a server for a copy of the demo project, with more tools than it has."""
    variables = environment(HOME=str(home), ATMOS_AI_ATMOS=str(ATMOS), XDG_STATE_HOME=str(home / "state"))
    run = Run(run_id="", directory=str(project), environment=variables)
    sidecar = Sidecar()
    try:
        async with sidecar.open_workspace(run, RunOptions(trust_project=True)) as workspace:
            for tool in more:
                workspace.tools.registry.register(tool)
            app = tool_server(workspace, sidecar.approvals, version="1").streamable_http_app()
            server = _Server(uvicorn.Config(app, http="h11", ws="none", log_config=None, log_level="critical"))
            with socket.create_server(("127.0.0.1", 0)) as listener:
                serving = asyncio.create_task(server.serve(sockets=[listener]))
                try:
                    yield f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
                finally:
                    server.should_exit = True
                    await serving
    finally:
        await sidecar.close()
