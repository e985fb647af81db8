"""One connection with one server, on the official SDK. Importing this takes a second or two: do it in a thread."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx2
import mcp_types
from mcp import Client, ClientSession, MCPError
from mcp.client.session import IncomingMessage
from pydantic import BaseModel, ConfigDict, ValidationError

from atmos_ai_sidecar import __version__
from atmos_ai_sidecar.adapters.mcp_client.definitions import MOST_TOOLS
from atmos_ai_sidecar.adapters.mcp_client.failures import AnsweredError, LostError
from atmos_ai_sidecar.adapters.mcp_client.texts import plain
from atmos_ai_sidecar.errors import SidecarError

if TYPE_CHECKING:
    from atmos_ai_sidecar.adapters.mcp_client.transports import OpenStreams

OnProgress = Callable[[str], None]

_MOST_PAGES = 50
_OTHER_ERA = frozenset({mcp_types.METHOD_NOT_FOUND, mcp_types.UNSUPPORTED_PROTOCOL_VERSION})
"""How a server that knows no ``initialize`` refuses it."""
_MESSAGE_CHARACTERS = 500
_CLOSE_SECONDS = 5.0


class _Answer(BaseModel):
    """Any result; the session has held it against the protocol before."""

    model_config = ConfigDict(extra="allow")


class Connection:
    """Speaks with a server in a task of its own, until it is closed or lost."""

    def __init__(self, streams: "Callable[[Connection], OpenStreams]", on_tools_changed: Callable[[], None]) -> None:
        self._open_streams = streams(self)
        self._on_tools_changed = on_tools_changed
        self._session: ClientSession | None = None
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.is_lost = False
        """Nothing that is sent from now on arrives."""

    async def open(self) -> None:
        """Connects and greets. After an error, and after a cancellation, nothing is left open.

        Raises:
            LostError: The server cannot be started or reached, or says no understandable word.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._serve(ready))
        try:
            await ready
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends the connection, and the server where it is ours."""
        self.lose()
        if self._task is None:
            return
        if self._session is None:
            self._task.cancel()
        _, late = await asyncio.wait([self._task], timeout=_CLOSE_SECONDS)
        if late:
            self._task.cancel()
            await asyncio.wait(late)

    def lose(self) -> None:
        """Notes that the server speaks no more."""
        self.is_lost = True
        self._closing.set()

    async def list_tools(self) -> Sequence[Mapping[str, Any]]:
        """What the server says about its tools: all pages, up to a limit.

        Raises:
            LostError, AnsweredError
        """
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            params = mcp_types.PaginatedRequestParams(cursor=cursor) if cursor else None
            page = await self._request(mcp_types.ListToolsRequest(params=params))
            found += [tool for tool in page.get("tools", ()) if isinstance(tool, dict)]
            cursor = page.get("nextCursor")
            if not cursor or len(found) > MOST_TOOLS:
                break
        return found

    async def call(self, tool: str, arguments: Mapping[str, Any], on_progress: OnProgress) -> Mapping[str, Any]:
        """Runs a tool of the server. Cancelling it tells the server.

        Raises:
            LostError: The connection ended before the answer: whether the tool ran is not known.
            AnsweredError: The server refused the call.
        """

        async def progressed(progress: float, total: float | None, message: str | None) -> None:
            part = f"{progress:g} of {total:g}" if total else f"{progress:g}"
            on_progress(f"{part}: {plain(message)}\n" if message else f"{part}\n")

        params = mcp_types.CallToolRequestParams(name=tool, arguments=dict(arguments))
        return await self._request(mcp_types.CallToolRequest(params=params), progressed)

    async def _request(self, request: Any, on_progress: Any = None) -> dict[str, Any]:
        if self._session is None or self.is_lost:
            raise LostError("the connection has ended")
        try:
            answer = await self._session.send_request(request, _Answer, progress_callback=on_progress)
        except MCPError as error:
            message = plain(error.message)[:_MESSAGE_CHARACTERS]
            if error.code == mcp_types.CONNECTION_CLOSED:
                self.lose()
                raise LostError("the connection has ended") from error
            raise AnsweredError(f"the server says: {message or error.code}") from error
        except ValidationError as error:
            raise AnsweredError("its answer is not as the protocol says") from error
        except RuntimeError as error:
            self.lose()
            raise LostError(str(error)) from error
        return dict(answer.model_extra or {})

    async def _serve(self, ready: asyncio.Future[None]) -> None:
        """The whole life of the connection. The SDK's scopes have to be left by the task that entered them."""
        try:
            async with self._greeted() as client:
                self._session = client.session
                if not ready.done():
                    ready.set_result(None)
                await self._closing.wait()
        except asyncio.CancelledError:
            if not ready.done():
                ready.cancel()
            raise
        except BaseException as error:  # noqa: BLE001 - what is raised in a task of the SDK's comes as a group
            if not ready.done():
                ready.set_exception(LostError(_told(error)))
        finally:
            self.is_lost = True

    @asynccontextmanager
    async def _greeted(self) -> AsyncGenerator[Client, None]:
        """The handshake that all servers of today know; a newer kind of server refuses it and gets its own."""
        try:
            client = await self._entered("legacy")
        except MCPError as error:
            if error.code not in _OTHER_ERA:
                raise
            client = await self._entered("auto")
        try:
            yield client
        finally:
            await client.__aexit__(None, None, None)

    async def _entered(self, mode: str) -> Client:
        client = Client(
            self._open_streams(),
            mode=mode,
            cache=None,
            message_handler=self._hear,
            client_info=mcp_types.Implementation(name="atmos-ai-sidecar", version=__version__),
        )
        return await client.__aenter__()

    async def _hear(self, message: IncomingMessage) -> None:
        if isinstance(message, mcp_types.ToolListChangedNotification):
            self._on_tools_changed()


def _told(error: BaseException) -> str:
    """One line about what went wrong, from the innermost error that says something."""
    if isinstance(error, BaseExceptionGroup):
        return _told(error.exceptions[0])
    if isinstance(error, SidecarError):
        return error.message
    if isinstance(error, MCPError):
        return plain(error.message)[:_MESSAGE_CHARACTERS]
    if isinstance(error, httpx2.HTTPError | httpx2.InvalidURL | OSError):
        return plain(str(error))[:_MESSAGE_CHARACTERS] or type(error).__name__
    if isinstance(error, ValidationError):
        return "its greeting is not as the protocol says"
    return f"{type(error).__name__}: {plain(str(error))[:_MESSAGE_CHARACTERS]}"
