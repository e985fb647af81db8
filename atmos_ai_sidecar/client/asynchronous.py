"""The async client."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self, cast

from grpc import aio

from atmos_ai_sidecar.client import chats, hosted
from atmos_ai_sidecar.client.failures import CallFailedError, call_failure
from atmos_ai_sidecar.client.launched import LaunchedSidecar
from atmos_ai_sidecar.client.synchronous import OPTIONS, UNARY_SECONDS
from atmos_ai_sidecar.v1 import session_service_pb2, tool_registry_service_pb2
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub

_EOF: Any = cast("Any", aio).EOF
Ask = Callable[[Any], Awaitable[str]]
"""Gets a PermissionRequest and returns the ``option_id`` that answers it."""


class AsyncClient:
    """A connection to one sidecar, for one event loop. Close it, or use it as an async context manager."""

    def __init__(self, address: str, token: str, *, sidecar: LaunchedSidecar | None = None) -> None:
        """Attaches to a sidecar that runs; see ``Client``."""
        self._channel = aio.insecure_channel(address, options=OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._sidecar = sidecar

    @classmethod
    async def launch(cls, directory: str | Path = ".", environment: Mapping[str, str] | None = None) -> Self:
        """Starts a sidecar for a project; it ends with this client, or with this process.

        Raises:
            LaunchFailedError: It did not start.
        """
        sidecar = await asyncio.to_thread(LaunchedSidecar.start, directory, environment)
        return cls(sidecar.address, sidecar.token, sidecar=sidecar)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection, and the sidecar if it was launched here."""
        await self._channel.close(None)
        if self._sidecar is not None:
            await asyncio.to_thread(self._sidecar.stop)

    def stub(self, make: Callable[[aio.Channel], Any]) -> Any:
        """A generated stub on this connection, for what the client has no method for; see ``metadata``."""
        return make(self._channel)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """What every call of a stub must carry."""
        return self._metadata

    async def sessions(self) -> AsyncIterator[Any]:
        """Every session of the project, newest first."""
        stub: Any = SessionServiceStub(self._channel)
        token = ""
        while True:
            page = await self._unary(stub.ListSessions, session_service_pb2.ListSessionsRequest(page_token=token))
            for session in page.sessions:
                yield session
            token = page.next_page_token
            if not token:
                return

    async def tools(self) -> AsyncIterator[Any]:
        """Every tool, sorted by name."""
        stub: Any = ToolRegistryServiceStub(self._channel)
        token = ""
        while True:
            page = await self._unary(stub.ListTools, tool_registry_service_pb2.ListToolsRequest(page_token=token))
            for tool in page.tools:
                yield tool
            token = page.next_page_token
            if not token:
                return

    async def run_turn(self, session: str, text: str, *, ask: Ask | None = None) -> AsyncIterator[Any]:
        """Says something in a session and yields every event until the turn has finished; closing it cancels the turn.

        Args and Raises as ``Client.run_turn``; ``ask`` is a coroutine function.
        """
        stub: Any = ChatServiceStub(self._channel)
        call = stub.Chat(metadata=self._metadata)
        try:
            await call.write(chats.attach(session, interactive=ask is not None))
            await call.write(chats.user_message(text))
            await call.done_writing()
            async for event in call:
                yield event
                if ask is not None and event.WhichOneof("event") == "permission_requested":
                    await self._answer(event.permission_requested.permission_request, ask)
        except aio.AioRpcError as error:
            raise call_failure(error) from error
        finally:
            call.cancel()

    @asynccontextmanager
    async def hosting(self, host_name: str, tools: Sequence[hosted.HostedTool]) -> AsyncIterator[None]:
        """Hosts tools while the context lasts. A call that is taken back is cancelled.

        Raises:
            CallFailedError: They were not registered, for example because a name is taken.
        """
        stub: Any = ToolRegistryServiceStub(self._channel)
        call = stub.HostTools(metadata=self._metadata)
        try:
            await call.write(hosted.registration(host_name, tools))
            await call.read()
        except aio.AioRpcError as error:
            raise call_failure(error) from error
        serving = asyncio.create_task(_Host(call, tools).serve(), name=f"tools of {host_name}")
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            call.cancel()

    async def _answer(self, request: Any, ask: Ask) -> None:
        stub: Any = PermissionServiceStub(self._channel)
        try:
            await self._unary(stub.ResolvePermissionRequest, chats.answer(request, await ask(request)))
        except CallFailedError as error:
            if error.reason != "PERMISSION_ALREADY_RESOLVED":  # somebody else was faster
                raise

    async def _unary(self, method: Any, request: Any) -> Any:
        try:
            return await method(request, metadata=self._metadata, timeout=UNARY_SECONDS)
        except aio.AioRpcError as error:
            raise call_failure(error) from error


class _Host:
    """Runs the calls of one stream, each in a task."""

    def __init__(self, call: Any, tools: Sequence[hosted.HostedTool]) -> None:
        self._call = call
        self._tools = {tool.name: tool for tool in tools}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()

    async def serve(self) -> None:
        """Returns when the stream has ended, and ends it when it cannot go on."""
        try:
            async with asyncio.TaskGroup() as tasks:
                while (event := await self._call.read()) is not _EOF:
                    if event.WhichOneof("event") == "call":
                        self._running[event.call.call_id] = tasks.create_task(self._run(event.call))
                    elif running := self._running.get(event.cancel.call_id):
                        running.cancel()
        finally:
            self._call.cancel()

    async def _run(self, call: Any) -> None:
        try:
            output = self._tools[call.tool_call.name].run(hosted.input_of(call))
            done = hosted.result(call.call_id, output=str(await output if inspect.isawaitable(output) else output))
        except Exception as error:  # noqa: BLE001 - the outermost frame of code that others wrote
            done = hosted.failed(call.call_id, error)
        finally:
            del self._running[call.call_id]
        async with self._writing:
            await self._call.write(done)
