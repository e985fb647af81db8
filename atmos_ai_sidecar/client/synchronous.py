"""The sync client."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import grpc

from atmos_ai_sidecar.client import chats, hosted
from atmos_ai_sidecar.client.failures import CallFailedError, ClientClosedError, call_failure
from atmos_ai_sidecar.client.launched import LaunchedSidecar
from atmos_ai_sidecar.client.sync_hosting import Hosting
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

OPTIONS = (("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20))
UNARY_SECONDS = 30.0
"""The deadline of a call that is no stream."""
Ask = Callable[["PermissionRequest"], str]
"""Gets a permission request and returns the ``option_id`` of the option that answers it."""
_Stub = TypeVar("_Stub")


class Client:
    """A connection to one sidecar. Close it, or use it as a context manager.

    Safe under threads; also within a running event loop, which it blocks (see ``AsyncClient``). Whatever fails on the
    way raises ``CallFailedError``: with a ``reason`` when the sidecar refused, with code ``UNAVAILABLE`` and no reason
    when it has gone. Once closed, every method raises ``ClientClosedError``.
    """

    def __init__(self, address: str, token: str, *, sidecar: LaunchedSidecar | None = None) -> None:
        """Attaches to a sidecar that runs, at the first call.

        Args:
            address: Such as ``unix:/run/user/1000/atmos-ai/0f3a/s.sock``.
            token: The owner's; with a client's, permissions cannot be answered and tools not hosted.
            sidecar: The sidecar to end with the connection.
        """
        self._opened = grpc.insecure_channel(address, options=OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._sidecar = sidecar
        self._is_closed = False

    @classmethod
    def launch(cls, directory: str | Path = ".", environment: Mapping[str, str] | None = None) -> Self:
        """Starts a sidecar for a project; it ends with this client, and with this process whatever ends that.

        Args:
            directory: The project, or a folder in it.
            environment: All that the sidecar and its tools see; None: this process's own.

        Raises:
            LaunchFailedError: It did not start within 10 s; the message says what it said.
        """
        sidecar = LaunchedSidecar.start(directory, environment)
        return cls(sidecar.address, sidecar.token, sidecar=sidecar)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection with all its streams, and the sidecar if it was launched here. Twice does nothing."""
        self._is_closed = True
        self._opened.close()
        if self._sidecar is not None:
            self._sidecar.stop()

    def stub(self, make: Callable[[grpc.Channel], _Stub]) -> _Stub:
        """A generated stub on this connection, for what the client has no method for; see ``metadata``.

        Its calls raise ``grpc.RpcError``.
        """
        return make(self._channel)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """What every call of a stub must carry."""
        return self._metadata

    def sessions(self) -> "Iterator[Session]":
        """Yields every session of the project, newest first; pages are asked for as they are needed."""
        stub, token = SessionServiceStub(self._channel), ""
        while True:
            page = self._unary(stub.ListSessions, session_service_pb2.ListSessionsRequest(page_token=token))
            yield from page.sessions
            token = page.next_page_token
            if not token:
                return

    def tools(self) -> "Iterator[Tool]":
        """Yields every tool that the model can be offered, sorted by name: hosted ones too."""
        stub, token = ToolRegistryServiceStub(self._channel), ""
        while True:
            page = self._unary(stub.ListTools, tool_registry_service_pb2.ListToolsRequest(page_token=token))
            yield from page.tools
            token = page.next_page_token
            if not token:
                return

    def run_turn(self, session: str, text: str, *, ask: Ask | None = None) -> "Iterator[ChatResponse]":
        """Says something in a session and yields every event, ``turn_finished`` last.

        Closing the iterator, or an error of ``ask``, cancels the turn and waits for its end: another can start then.

        Args:
            session: Its name; it is created when it does not exist.
            text: What to say.
            ask: Answers permission requests while the turn waits. None: what needs a person is rejected.

        Raises:
            CallFailedError: The turn did not start (``TURN_IN_PROGRESS``), or the stream is lost; see ``follow``.
                A turn that fails is an event.
        """
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests.put(chats.attach(session, interactive=ask is not None))
        requests.put(chats.user_message(text))
        call = ChatServiceStub(self._channel).Chat(iter(requests.get, None), metadata=self._metadata)
        try:
            for event in call:
                if event.WhichOneof("event") == "turn_finished":
                    requests.put(None)
                yield event
                if ask is not None and event.WhichOneof("event") == "permission_requested":
                    self._answer(event.permission_requested.permission_request, ask)
        except grpc.RpcError as error:
            raise call_failure(error) from error
        except BaseException:
            requests.put(chats.detach())
            _drain(call)
            raise
        finally:
            requests.put(None)
            call.cancel()

    def follow(self, session: str, *, after: int | None = None) -> "Iterator[ChatResponse]":
        """Yields what happens in a session, whoever runs its turns, until the iterator is closed.

        Args:
            session: Its name; it is created when it does not exist.
            after: Begins with the events after this ``seq``: what a client missed that lost its stream or its sidecar.
                ``replay_gap`` says that the journal has forgotten some of them. None: with what happens from now on.

        Raises:
            CallFailedError: ``INVALID_FIELD`` when the session never came to ``after``; or the stream is lost.
        """
        requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        requests.put(chats.attach(session, after=after))
        call = ChatServiceStub(self._channel).Chat(iter(requests.get, None), metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as error:
            raise call_failure(error) from error
        finally:
            requests.put(None)
            call.cancel()

    def cancel_turn(self, session: str) -> bool:
        """Cancels the running turn of a session, whoever started it.

        Args:
            session: Its name.

        Returns:
            Whether one was running.

        Raises:
            CallFailedError: ``SESSION_NOT_FOUND``.
        """
        stub = SessionServiceStub(self._channel)
        found = self._unary(stub.GetSessionByName, session_service_pb2.GetSessionByNameRequest(name=session))
        request = chat_service_pb2.CancelTurnRequest(session_id=found.session.session_id)
        return bool(self._unary(ChatServiceStub(self._channel).CancelTurn, request).cancelled)

    @contextmanager
    def hosting(self, host_name: str, tools: Sequence[hosted.HostedTool]) -> Iterator[Hosting]:
        """Hosts tools while the context lasts: the model of this sidecar can use them.

        Each call runs in a thread of its own. One that is taken back, cancelled or out of time, runs on; its result no
        longer counts.

        Raises:
            CallFailedError: They were not registered: ``TOOL_EXISTS`` names who has the name, ``INVALID_FIELD`` what
                is wrong.
        """
        hosting = Hosting(ToolRegistryServiceStub(self._channel), self._metadata, host_name, tools)
        try:
            yield hosting
        finally:
            hosting.stop()

    @property
    def _channel(self) -> grpc.Channel:
        if self._is_closed:
            raise ClientClosedError
        return self._opened

    def _answer(self, request: "PermissionRequest", ask: Ask) -> None:
        stub = PermissionServiceStub(self._channel)
        try:
            self._unary(stub.ResolvePermissionRequest, chats.answer(request, ask(request)))
        except CallFailedError as error:
            if error.reason != "PERMISSION_ALREADY_RESOLVED":  # somebody else was faster
                raise

    def _unary(self, method: Any, request: Any) -> Any:
        try:
            return method(request, metadata=self._metadata, timeout=UNARY_SECONDS)
        except grpc.RpcError as error:
            raise call_failure(error) from error
        except ValueError as error:
            if self._is_closed:  # by another thread, a moment ago
                raise ClientClosedError from error
            raise


def _drain(call: Any) -> None:
    """Returns when the stream has ended, which the end of its turn does."""
    limit = threading.Timer(chats.CANCEL_SECONDS, call.cancel)
    limit.daemon = True
    limit.start()
    with suppress(grpc.RpcError):
        for _ in call:
            pass
    limit.cancel()
