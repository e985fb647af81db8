"""The async client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from grpc import aio

from atmos_ai_sidecar.client import chats, hosted
from atmos_ai_sidecar.client.async_hosting import AsyncHosting
from atmos_ai_sidecar.client.failures import CallFailedError, ClientClosedError, call_failure
from atmos_ai_sidecar.client.launched import LaunchedSidecar
from atmos_ai_sidecar.client.synchronous import OPTIONS, UNARY_SECONDS
from atmos_ai_sidecar.v1 import chat_service_pb2, session_service_pb2, tool_registry_service_pb2
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub

if TYPE_CHECKING:
    from atmos_ai_sidecar.v1.chat_service_pb2 import ChatResponse
    from atmos_ai_sidecar.v1.permission_service_pb2 import PermissionRequest
    from atmos_ai_sidecar.v1.session_service_pb2 import Session
    from atmos_ai_sidecar.v1.tool_registry_service_pb2 import Tool

Ask = Callable[["PermissionRequest"], Awaitable[str]]
"""Gets a permission request and returns the ``option_id`` of the option that answers it."""
_Stub = TypeVar("_Stub")


class AsyncClient:
    """A connection to one sidecar, for one event loop. Close it, or use it as an async context manager.

    Its methods, guarantees and errors are those of ``Client``. Iterators that may be left early are closed with
    ``contextlib.aclosing``.
    """

    def __init__(self, address: str, token: str, *, sidecar: LaunchedSidecar | None = None) -> None:
        """Attaches to a sidecar that runs; see ``Client``."""
        self._opened = aio.insecure_channel(address, options=OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._sidecar = sidecar
        self._is_closed = False

    @classmethod
    async def launch(cls, directory: str | Path = ".", environment: Mapping[str, str] | None = None) -> Self:
        """Starts a sidecar for a project; it ends with this client, and with this process whatever ends that.

        Args and Raises as ``Client.launch``.
        """
        sidecar = await asyncio.to_thread(LaunchedSidecar.start, directory, environment)
        return cls(sidecar.address, sidecar.token, sidecar=sidecar)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection with all its streams, and the sidecar if it was launched here. Twice does nothing."""
        self._is_closed = True
        await self._opened.close(None)
        if self._sidecar is not None:
            await asyncio.to_thread(self._sidecar.stop)

    def stub(self, make: Callable[[aio.Channel], _Stub]) -> _Stub:
        """A generated stub on this connection, for what the client has no method for; see ``metadata``.

        Its calls raise ``grpc.aio.AioRpcError``.
        """
        return make(self._channel)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """What every call of a stub must carry."""
        return self._metadata

    async def sessions(self) -> "AsyncIterator[Session]":
        """Yields every session of the project, newest first; pages are asked for as they are needed."""
        stub: Any = SessionServiceStub(self._channel)
        token = ""
        while True:
            page = await self._unary(stub.ListSessions, session_service_pb2.ListSessionsRequest(page_token=token))
            for session in page.sessions:
                yield session
            token = page.next_page_token
            if not token:
                return

    async def tools(self) -> "AsyncIterator[Tool]":
        """Yields every tool that the model can be offered, sorted by name: hosted ones too."""
        stub: Any = ToolRegistryServiceStub(self._channel)
        token = ""
        while True:
            page = await self._unary(stub.ListTools, tool_registry_service_pb2.ListToolsRequest(page_token=token))
            for tool in page.tools:
                yield tool
            token = page.next_page_token
            if not token:
                return

    async def run_turn(self, session: str, text: str, *, ask: Ask | None = None) -> "AsyncIterator[ChatResponse]":
        """Says something in a session and yields every event, ``turn_finished`` last.

        Closing the iterator, or an error of ``ask``, cancels the turn and waits for its end. So does cancellation,
        which may return a little before it.

        Args and Raises as ``Client.run_turn``; ``ask`` is a coroutine function.
        """
        stub: Any = ChatServiceStub(self._channel)
        call = stub.Chat(metadata=self._metadata)
        is_started = False
        try:
            await call.write(chats.attach(session, interactive=ask is not None))
            await call.write(chats.user_message(text))
            async for event in call:
                is_started = is_started or event.WhichOneof("event") == "turn_started"
                if event.WhichOneof("event") == "turn_finished":
                    await call.done_writing()
                yield event
                if ask is not None and event.WhichOneof("event") == "permission_requested":
                    await self._answer(event.permission_requested.permission_request, ask)
        except aio.AioRpcError as error:
            raise call_failure(error) from error
        except BaseException:
            if not call.done():
                await _drain(call)
            elif is_started:  # a read that is cancelled ends its stream, and others may follow the turn
                with suppress(CallFailedError):
                    await self.cancel_turn(session)
            raise
        finally:
            call.cancel()

    async def follow(self, session: str, *, after: int | None = None) -> "AsyncIterator[ChatResponse]":
        """Yields what happens in a session, whoever runs its turns, until the iterator is closed.

        Args and Raises as ``Client.follow``.
        """
        stub: Any = ChatServiceStub(self._channel)
        call = stub.Chat(metadata=self._metadata)
        try:
            await call.write(chats.attach(session, after=after))
            async for event in call:
                yield event
        except aio.AioRpcError as error:
            raise call_failure(error) from error
        finally:
            call.cancel()

    async def cancel_turn(self, session: str) -> bool:
        """Cancels the running turn of a session, whoever started it.

        Returns:
            Whether one was running.

        Raises:
            CallFailedError: ``SESSION_NOT_FOUND``.
        """
        sessions: Any = SessionServiceStub(self._channel)
        found = await self._unary(sessions.GetSessionByName, session_service_pb2.GetSessionByNameRequest(name=session))
        chat: Any = ChatServiceStub(self._channel)
        request = chat_service_pb2.CancelTurnRequest(session_id=found.session.session_id)
        return bool((await self._unary(chat.CancelTurn, request)).cancelled)

    @asynccontextmanager
    async def hosting(self, host_name: str, tools: Sequence[hosted.HostedTool]) -> AsyncIterator[AsyncHosting]:
        """Hosts tools while the context lasts: the model of this sidecar can use them.

        Each call runs in a task of its own, which is cancelled when the call is taken back. A tool whose ``run`` is no
        coroutine function blocks the event loop.

        Raises:
            CallFailedError: They were not registered: ``TOOL_EXISTS`` names who has the name, ``INVALID_FIELD`` what
                is wrong.
        """
        stub: Any = ToolRegistryServiceStub(self._channel)
        hosting = await AsyncHosting.start(stub, self._metadata, host_name, tools)
        try:
            yield hosting
        finally:
            await hosting.stop()

    @property
    def _channel(self) -> aio.Channel:
        if self._is_closed:
            raise ClientClosedError
        return self._opened

    async def _answer(self, request: "PermissionRequest", ask: Ask) -> None:
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


async def _drain(call: Any) -> None:
    """Returns when the stream has ended, which the end of its turn does."""
    with suppress(aio.AioRpcError, aio.UsageError, asyncio.InvalidStateError, TimeoutError):
        async with asyncio.timeout(chats.CANCEL_SECONDS):
            await call.write(chats.detach())
            async for _ in call:
                pass
