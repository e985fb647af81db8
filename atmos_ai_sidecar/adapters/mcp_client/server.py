"""One server: started when it is needed, restarted after a loss with back-off, and called at most twice."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

from atmos_ai_sidecar.adapters.mcp_client.contents import result_of
from atmos_ai_sidecar.adapters.mcp_client.failures import AnsweredError, LostError
from atmos_ai_sidecar.application.foreign_texts import plain
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.program_runner import Program
from atmos_ai_sidecar.domain.tools import Execution, OutputPiece, Result
from atmos_ai_sidecar.errors import ToolExecutionFailedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from atmos_ai_sidecar.adapters.mcp_client.connection import Connection
    from atmos_ai_sidecar.adapters.mcp_client.transports import LastWords, OpenStreams

START_SECONDS = 10.0
BACK_OFF_SECONDS = (1.0, 60.0)
"""How long after the second loss in a row nothing is started, and the longest that it grows to."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """A server that a project names: a program, or a URL."""

    name: str
    program: Program | None = None
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The caller's, for proxies and certificates on the way to a URL."""
    timeout_seconds: float = 30.0
    """Of one call."""
    is_read_only: bool = False
    """Who configured it vouches that its tools only read."""


class McpServer:
    """A server and the connection with it. Use on one event loop; safe under tasks."""

    def __init__(
        self, settings: ServerSettings, clock: Clock, *, on_tools_changed: Callable[[], None] = lambda: None
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._on_tools_changed = on_tools_changed
        self._connection: Connection | None = None
        self._lock = asyncio.Lock()
        self._losses = 0
        self._rest_until = 0.0
        self._is_closed = False

    async def list_tools(self) -> Sequence[Mapping[str, Any]]:
        """What the server says about its tools.

        Raises:
            LostError, AnsweredError
        """
        await asyncio.to_thread(_load, self.settings)  # the SDK's own time is not the server's
        start = self._clock.monotonic()
        connection = await self.connected()
        rest = max(1.0, START_SECONDS - (self._clock.monotonic() - start))
        try:
            async with asyncio.timeout(rest):
                return await connection.list_tools()
        except TimeoutError as error:
            connection.lose()
            self._note_loss()
            raise LostError(f"it did not list its tools within {START_SECONDS:g} s") from error

    async def call(self, tool: str, arguments: Mapping[str, Any], execution: Execution, *, may_repeat: bool) -> Result:
        """Runs a tool. When the server is lost meanwhile, a call that only reads is repeated once, no other ever.

        Args:
            tool: As the server calls it.
            arguments: Its input, checked.
            execution: Gets the server's progress as output.
            may_repeat: The call only reads.
        """

        def show(text: str) -> None:
            execution.emit(OutputPiece(stream="stderr", text=text))

        for is_last in (not may_repeat, True):
            try:
                connection = await self.connected()
            except LostError as error:
                return self._failed(f"The MCP server {self.settings.name} is not there: {error}. Nothing was run.")
            try:
                answer = await connection.call(tool, arguments, show)
            except AnsweredError as error:
                return self._failed(f"{tool} of the MCP server {self.settings.name} failed: {error}.")
            except LostError as error:
                self._note_loss()
                if is_last:
                    return self._unknown(tool, error, may_repeat=may_repeat)
            else:
                self._losses = 0
                return result_of(answer)
        raise AssertionError  # pragma: no cover - the second round returns

    async def connected(self) -> "Connection":
        """The connection, made if there is none.

        Raises:
            LostError: It cannot be made, or it was lost a moment ago.
        """
        async with self._lock:
            if self._is_closed:
                raise LostError("it was closed")
            if self._connection is not None and not self._connection.is_lost:
                return self._connection
            await self._drop()
            rest = self._rest_until - self._clock.monotonic()
            if rest > 0:
                raise LostError(f"it ended again and again, and is left alone for {rest:.0f} s")
            self._connection = await self._opened()
            return self._connection

    async def restart(self) -> None:
        """Ends the connection; the next call makes a new one. Waits for nobody's answer."""
        async with self._lock:
            await self._drop()

    async def close(self) -> None:
        """Ends the connection for good."""
        self._is_closed = True
        await self.restart()

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _opened(self) -> "Connection":
        connection_of, words = await asyncio.to_thread(_load, self.settings)
        connection: Connection = connection_of(self._on_tools_changed)
        try:
            async with asyncio.timeout(START_SECONDS):
                await connection.open()
        except TimeoutError as error:
            self._note_loss()
            raise LostError(f"it did not answer within {START_SECONDS:g} s{_quoted(str(words))}") from error
        except LostError as error:
            self._note_loss()
            raise LostError(f"{words.end or error}{_quoted(str(words))}") from error
        return connection

    def _note_loss(self) -> None:
        """The first loss costs nothing; each one after it doubles the rest."""
        first, longest = BACK_OFF_SECONDS
        if self._losses:
            self._rest_until = self._clock.monotonic() + min(longest, first * 2 ** (self._losses - 1))
        self._losses += 1
        _LOG.info("The MCP server %s was lost (%d in a row).", self.settings.name, self._losses)

    def _unknown(self, tool: str, error: LostError, *, may_repeat: bool) -> Result:
        what = "It was tried twice." if may_repeat else "It is not known whether it did its work; it was not repeated."
        remedy = "" if may_repeat else " Look at what it would have changed before you call it again."
        return self._failed(f"The MCP server {self.settings.name} was lost during {tool}: {error}. {what}{remedy}")

    def _failed(self, message: str) -> Result:
        return Result(success=False, output=message, error=message, reason=ToolExecutionFailedError.reason)


def _load(settings: ServerSettings) -> "tuple[Callable[[Callable[[], None]], Connection], LastWords]":
    """How to connect. Imports the SDK; slow, so in a thread, and only when a server is started."""
    from atmos_ai_sidecar.adapters.mcp_client.connection import Connection  # noqa: PLC0415
    from atmos_ai_sidecar.adapters.mcp_client.transports import (  # noqa: PLC0415
        LastWords,
        http_streams,
        program_streams,
    )

    words = LastWords()

    def streams(connection: Connection) -> "OpenStreams":
        program = settings.program
        if program is not None:
            return lambda: program_streams(program, words, connection.lose)
        return lambda: http_streams(settings.url, settings.headers, settings.environment, words)

    return (lambda on_tools_changed: Connection(streams, on_tools_changed)), words


def _quoted(words: str) -> str:
    """The last line that a server said, if any."""
    last = plain(words).strip().rpartition("\n")[2]
    return f' (it said: "{last[:300]}")' if last else ""
