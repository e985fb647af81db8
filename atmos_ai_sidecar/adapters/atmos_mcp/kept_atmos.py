"""One `atmos mcp start` for a workspace, and a fresh one as soon as it would answer from old files."""

import asyncio
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.adapters.atmos_mcp.snapshot import Snapshot, snapshot
from atmos_ai_sidecar.adapters.mcp_client import McpServer, ServerSettings
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.program_runner import Program
from atmos_ai_sidecar.domain.tools import Execution, ExecutionClass, Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_OVERRIDE = """\
settings: {experimental: silence}
mcp: {enabled: true}
ai: {tools: {allowed: ["*"]}}
"""
"""Without it Atmos registers only the tools of `ai.tools.allowed`. Permissions are ours: it asks nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtmosPlace:
    """Where and how Atmos runs: one for each project, environment and trusted configuration."""

    executable: str
    config_paths: Sequence[str]
    """The folders of the configuration, absolute. A file (`--config`) would make it ignore `.atmos.d`."""
    flags: Sequence[str]
    """The caller's other global flags."""
    directory: str
    base_path: str
    """Resolved: without it, its file tools deny every path."""
    environment: Mapping[str, str]
    umask: int
    watched: Sequence[str]
    """Files and folders that it reads once, when it starts."""
    unwatched: Sequence[str] = ()
    """Folders in them that do not matter."""


@dataclass(eq=False, slots=True, kw_only=True)
class _Generation:
    """A server, what the files were when it was started, and how many calls it answers at the moment."""

    server: McpServer
    files: Snapshot
    calls: int = 0
    is_retired: bool = field(default=False)


class KeptAtmos:
    """The server. Nothing is started before the first call; every answer is from files as they were at its call."""

    def __init__(self, place: AtmosPlace, clock: Clock) -> None:
        self._place = place
        self._clock = clock
        self._current: _Generation | None = None
        self._folder = ""
        self._lock = asyncio.Lock()
        self._is_closed = False

    async def call(self, tool: str, arguments: Mapping[str, Any], execution: Execution, *, only_reads: bool) -> Result:
        """Runs one of Atmos' tools; see ``McpServer.call``."""
        generation = await self._fresh()
        try:
            return await generation.server.call(tool, arguments, execution, may_repeat=only_reads)
        finally:
            generation.calls -= 1
            await self._end_if_idle(generation)

    async def close(self) -> None:
        """Ends the server for good."""
        async with self._lock:
            self._is_closed = True
            current, self._current = self._current, None
            if current is not None:
                await current.server.close()
            if self._folder:
                await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)
                self._folder = ""

    async def _fresh(self) -> _Generation:
        """A server that has read the files as they are now; an older one finishes its calls and ends."""
        async with self._lock:
            files = await asyncio.to_thread(snapshot, self._place.watched, self._place.unwatched)
            current = self._current
            if current is None or current.files != files:
                if current is not None:
                    current.is_retired = True
                    await self._end_if_idle(current)
                server = McpServer(await asyncio.to_thread(self._settings), self._clock)
                current = self._current = _Generation(server=server, files=files)
                if self._is_closed:
                    await server.close()
            current.calls += 1
            return current

    async def _end_if_idle(self, generation: _Generation) -> None:
        if generation.is_retired and generation.calls == 0:
            await generation.server.close()

    def _settings(self) -> ServerSettings:
        """How it is started. Blocks."""
        place = self._place
        if not self._folder and not self._is_closed:
            self._folder = tempfile.mkdtemp(prefix="atmos-ai-")
            Path(self._folder, "atmos.yaml").write_text(_OVERRIDE, encoding="utf-8")
        paths = [word for path in (*place.config_paths, self._folder) for word in ("--config-path", path)]
        program = Program(
            arguments=(place.executable, *paths, *place.flags, "mcp", "start"),
            directory=place.directory,
            environment={**place.environment, "ATMOS_BASE_PATH": place.base_path},
            execution_class=ExecutionClass.READ,
            umask=place.umask,
        )
        return ServerSettings(name="atmos", program=program)
