"""A client of a real sidecar: sessions by unary calls, turns by an attached stream."""

import queue
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    chat_service_pb2_grpc,
    message_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
)
from tests.sidecar_process import SidecarProcess

PATIENCE_SECONDS = 40


class Client:
    """One sidecar's services, with the owner's token."""

    def __init__(self, sidecar: SidecarProcess, channel: grpc.Channel) -> None:
        self.sidecar = sidecar
        self._sessions = session_service_pb2_grpc.SessionServiceStub(channel)
        self._chat = chat_service_pb2_grpc.ChatServiceStub(channel)

    def call(self, method: str, **fields: Any) -> Any:
        """One call of SessionService."""
        request = getattr(session_service_pb2, f"{method}Request")(**fields)
        return getattr(self._sessions, method)(request, metadata=self.sidecar.metadata, timeout=PATIENCE_SECONDS)

    def create(self, name: str) -> str:
        return str(self.call("CreateSession", name=name).session.session_id)

    def id_of(self, name: str) -> str:
        return str(self.call("GetSessionByName", name=name).session.session_id)

    def add(self, session_id: str, text: str) -> None:
        self.call("AddMessage", session_id=session_id, role=message_pb2.ROLE_USER, content=text)

    def texts(self, session_id: str) -> list[str]:
        return [message.content for message in self.messages(session_id)]

    def messages(self, session_id: str) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            page = self.call("ListMessages", session_id=session_id, page_size=1000, page_token=token)
            found += page.messages
            token = page.next_page_token
            if not token:
                return found

    def attach(self, name: str, resume_after_seq: int | None = None) -> "Attached":
        """As ``attached``; the caller closes it."""
        return Attached(self._chat, self.sidecar.metadata, name, resume_after_seq)

    @contextmanager
    def attached(
        self, name: str, resume_after_seq: int | None = None, *, interactive: bool = False, timeout: float = 120
    ) -> Iterator["Attached"]:
        """A stream attached to the session of that name, which is created when it is missing."""
        metadata = self.sidecar.metadata
        attached = Attached(self._chat, metadata, name, resume_after_seq, interactive=interactive, timeout=timeout)
        try:
            yield attached
        finally:
            attached.close()


class Attached:
    """One attached stream."""

    def __init__(
        self,
        stub: Any,
        metadata: Any,
        name: str,
        resume_after_seq: int | None,
        *,
        interactive: bool = False,
        timeout: float = 120,
    ) -> None:
        self._outgoing: queue.SimpleQueue[Any] = queue.SimpleQueue()
        attach = chat_service_pb2.ChatRequest.Attach(
            session_name=name, resume_after_seq=resume_after_seq, interactive=interactive
        )
        self.send(attach=attach)
        self.events: list[Any] = []
        self.call = stub.Chat(iter(self._outgoing.get, None), metadata=metadata, timeout=timeout)
        self.attached = self.until("attached").attached

    def send(self, **event: Any) -> None:
        self._outgoing.put(chat_service_pb2.ChatRequest(event_id=str(uuid.uuid4()), **event))

    def say(self, text: str) -> None:
        self.send(user_message=chat_service_pb2.ChatRequest.UserMessage(text=text))

    def until(self, kind: str, holds: Callable[[Any], bool] = lambda _: True) -> Any:
        """The next event of that kind for which ``holds`` is true."""
        for event in self.call:
            self.events.append(event)
            if event.WhichOneof("event") == kind and holds(event):
                return event
        message = f"the stream ended before {kind}"
        raise AssertionError(message)

    def finished(self) -> Any:
        """The end of the turn."""
        return self.until("turn_finished").turn_finished

    def half_close(self) -> None:
        """Sends no more."""
        self._outgoing.put(None)

    @property
    def seqs(self) -> list[int]:
        return [event.seq for event in self.events if event.seq]

    @property
    def text(self) -> str:
        return "".join(event.text_delta.text for event in self.events)

    def close(self) -> None:
        self._outgoing.put(None)
        self.call.cancel()


def refusal(call: Callable[[], object]) -> tuple[grpc.StatusCode, str, float]:
    """How a call failed: code, reason, and after how many seconds it may be tried again."""
    try:
        call()
    except grpc.RpcError as error:
        trailing = {item.key: item.value for item in error.trailing_metadata() or ()}
        status = Status.FromString(trailing["grpc-status-details-bin"])
        info, retry = ErrorInfo(), RetryInfo()
        for detail in status.details:
            detail.Unpack(info)
            detail.Unpack(retry)
        return error.code(), info.reason, retry.retry_delay.ToMicroseconds() / 1e6
    message = "the call was answered"
    raise AssertionError(message)
