import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.mcp_client import McpServers, ServerSettings
from atmos_ai_sidecar.adapters.user_state.tool_pins_file import ToolPinsFile
from atmos_ai_sidecar.application.ports.program_runner import Program
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, OutputPiece, Result, Tool

SERVER = Path(__file__).with_name("server.py")


class World:
    """Servers of a project, what their processes noted, and one place for pins."""

    def __init__(self, directory: Path, stack: AsyncExitStack) -> None:
        self.directory = directory
        self.log = directory / "log"
        self.pins = ToolPinsFile(directory / "state", "/project")
        self.pieces: list[OutputPiece] = []
        self._stack = stack

    def settings(self, mode: str, **more: Any) -> ServerSettings:
        program = Program(
            arguments=(sys.executable, "-I", "-S", str(SERVER), mode),
            directory=str(self.directory),
            environment={"MCP_TEST_LOG": str(self.log), "MCP_TEST_DESCRIPTION": str(self.directory / "description")},
            execution_class=ExecutionClass.READ,
        )
        return ServerSettings(**{"name": mode, "program": program, **more})

    def servers(self, *settings: ServerSettings, clock: Any = None) -> McpServers:
        servers = McpServers(settings, clock=clock or SystemClock(), pins=self.pins)
        self._stack.push_async_callback(servers.close)
        return servers

    async def tools(self, mode: str = "good", **more: Any) -> dict[str, Tool]:
        """The tools of one server by the name that the server gives them."""
        found = await self.servers(self.settings(mode, **more)).tools()
        return {tool.name.partition("__")[2]: tool for tool in found}

    async def run(self, tool: Tool, **values: Any) -> Result:
        return await tool.execute(values, self.execution())

    def execution(self) -> Execution:
        return Execution(tool_call_id="c1", session_id="", emit=self.pieces.append)

    def notes(self, key: str) -> Sequence[dict[str, Any]]:
        """What the servers noted that has this key."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else ()
        return [note for line in lines if key in (note := json.loads(line))]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(tmp_path, stack)


Describe = Callable[[str], None]


@pytest.fixture
def describe(tmp_path: Path) -> Describe:
    """Sets how the server of the mode "changing" describes its tool."""

    def write(text: str) -> None:
        (tmp_path / "description").write_text(text, encoding="utf-8")

    return write
