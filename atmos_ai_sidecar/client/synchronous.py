"""The sync client."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import grpc

from atmos_ai_sidecar.client import chats, hosted
from atmos_ai_sidecar.client.failures import CallFailedError, call_failure
from atmos_ai_sidecar.client.launched import LaunchedSidecar
from atmos_ai_sidecar.v1 import session_service_pb2, tool_registry_service_pb2
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub

OPTIONS = (("grpc.max_receive_message_length", 16 << 20), ("grpc.max_send_message_length", 16 << 20))
UNARY_SECONDS = 30.0
Ask = Callable[[Any], str]
"""Gets a PermissionRequest and returns the ``option_id`` that answers it."""


class Client:
    """A connection to one sidecar. Safe under threads. Close it, or use it as a context manager."""

    def __init__(self, address: str, token: str, *, sidecar: LaunchedSidecar | None = None) -> None:
        """Attaches to a sidecar that runs.

        Args:
            address: Such as ``unix:/run/user/1000/atmos-ai/0f3a/s.sock``.
            token: The owner's; with a client's, permissions cannot be answered and tools not hosted.
            sidecar: The sidecar to end with the connection.
        """
        self._channel = grpc.insecure_channel(address, options=OPTIONS)
        self._metadata = (("authorization", f"Bearer {token}"),)
        self._sidecar = sidecar

    @classmethod
    def launch(cls, directory: str | Path = ".", environment: Mapping[str, str] | None = None) -> Self:
        """Starts a sidecar for a project; it ends with this client, or with this process.

        Raises:
            LaunchFailedError: It did not start.
        """
        sidecar = LaunchedSidecar.start(directory, environment)
        return cls(sidecar.address, sidecar.token, sidecar=sidecar)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and the sidecar if it was launched here."""
        self._channel.close()
        if self._sidecar is not None:
            self._sidecar.stop()

    def stub(self, make: Callable[[grpc.Channel], Any]) -> Any:
        """A generated stub on this connection, for what the client has no method for; see ``metadata``."""
        return make(self._channel)

    @property
    def metadata(self) -> Sequence[tuple[str, str]]:
        """What every call of a stub must carry."""
        return self._metadata

    def sessions(self) -> Iterator[Any]:
        """Every session of the project, newest first."""
        stub, token = SessionServiceStub(self._channel), ""
        while True:
            page = self._unary(stub.ListSessions, session_service_pb2.ListSessionsRequest(page_token=token))
            yield from page.sessions
            token = page.next_page_token
            if not token:
                return

    def tools(self) -> Iterator[Any]:
        """Every tool, sorted by name."""
        stub, token = ToolRegistryServiceStub(self._channel), ""
        while True:
            page = self._unary(stub.ListTools, tool_registry_service_pb2.ListToolsRequest(page_token=token))
            yield from page.tools
            token = page.next_page_token
            if not token:
                return

    def run_turn(self, session: str, text: str, *, ask: Ask | None = None) -> Iterator[Any]:
        """Says something in a session and yields every event until the turn has finished; closing it cancels the turn.

        Args:
            session: Its name; it is created when it does not exist.
            text: What to say.
            ask: Answers permission requests, while the turn waits. None: what needs a person is rejected.

        Raises:
            CallFailedError: The stream ended with a status. A turn that fails is an event.
        """
        requests = (chats.attach(session, interactive=ask is not None), chats.user_message(text))
        call = ChatServiceStub(self._channel).Chat(iter(requests), metadata=self._metadata)
        try:
            for event in call:
                yield event
                if ask is not None and event.WhichOneof("event") == "permission_requested":
                    self._answer(event.permission_requested.permission_request, ask)
        except grpc.RpcError as error:
            raise call_failure(error) from error
        finally:
            call.cancel()

    @contextmanager
    def hosting(self, host_name: str, tools: Sequence[hosted.HostedTool]) -> Iterator[None]:
        """Hosts tools while the context lasts; each call runs in a thread of its own.

        Raises:
            CallFailedError: They were not registered, for example because a name is taken.
        """
        outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        outgoing.put(hosted.registration(host_name, tools))
        stub = ToolRegistryServiceStub(self._channel)
        call = stub.HostTools(iter(outgoing.get, None), metadata=self._metadata)
        try:
            next(call)
        except grpc.RpcError as error:
            outgoing.put(None)
            raise call_failure(error) from error
        known = {tool.name: tool for tool in tools}
        serving = threading.Thread(target=_serve, args=(call, known, outgoing), daemon=True)
        serving.start()
        try:
            yield
        finally:
            outgoing.put(None)
            serving.join(UNARY_SECONDS)
            call.cancel()

    def _answer(self, request: Any, ask: Ask) -> None:
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


def _serve(call: Any, tools: Mapping[str, hosted.HostedTool], outgoing: "queue.SimpleQueue[Any]") -> None:
    """Runs what is asked for until the stream ends. A call that is taken back runs on; its result no longer counts."""
    with suppress(grpc.RpcError):
        for event in call:
            if event.WhichOneof("event") == "call":
                arguments = (event.call, tools[event.call.tool_call.name], outgoing)
                threading.Thread(target=_run, args=arguments, daemon=True).start()


def _run(call: Any, tool: hosted.HostedTool, outgoing: "queue.SimpleQueue[Any]") -> None:
    try:
        outgoing.put(hosted.result(call.call_id, output=str(tool.run(hosted.input_of(call)))))
    except Exception as error:  # noqa: BLE001 - the outermost frame of code that others wrote
        outgoing.put(hosted.failed(call.call_id, error))
