"""A client of the Chat service that knows when each event came."""

import queue
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from atmos_ai_sidecar.v1 import chat_service_pb2 as pb
from atmos_ai_sidecar.v1 import chat_service_pb2_grpc

PATIENCE_SECONDS = 60


class Conversation:
    """One open Chat stream."""

    def __init__(self, channel: grpc.Channel, metadata: Any, session: str, *, after: int | None = None) -> None:
        self._requests: queue.SimpleQueue[pb.ChatRequest | None] = queue.SimpleQueue()
        self.last_seq = 0
        self._put(attach=pb.ChatRequest.Attach(session_name=session, interactive=True, resume_after_seq=after))
        stub = chat_service_pb2_grpc.ChatServiceStub(channel)
        self.events: Any = stub.Chat(iter(self._requests.get, None), metadata=metadata, timeout=PATIENCE_SECONDS)

    def say(self, text: str) -> None:
        self._put(user_message=pb.ChatRequest.UserMessage(text=text))

    def cancel_turn(self) -> None:
        self._put(cancel_turn=pb.ChatRequest.CancelTurn())

    def until(self, kind: str, see: Callable[[pb.ChatResponse], object] = lambda _event: None) -> pb.ChatResponse:
        """Reads on to the next event of that kind and returns it."""
        for event in self.events:
            see(event)
            self.last_seq = max(self.last_seq, event.seq)
            if event.WhichOneof("event") == kind:
                found: pb.ChatResponse = event
                return found
        message = f"the stream ended before {kind}"
        raise AssertionError(message)

    def close(self) -> None:
        """Says that no more comes; a client that leaves for good."""
        self._requests.put(None)
        self.events.cancel()

    def _put(self, **event: Any) -> None:
        self._requests.put(pb.ChatRequest(event_id=str(uuid.uuid4()), **event))


@contextmanager
def conversation(
    channel: grpc.Channel, metadata: Any, session: str = "", *, after: int | None = None
) -> Iterator[Conversation]:
    """Attaches to a session, a new one without a name, and leaves it at the end."""
    talk = Conversation(channel, metadata, session or f"bench-{uuid.uuid4()}", after=after)
    try:
        talk.until("attached")
        yield talk
    finally:
        talk.close()


def milliseconds_since(begin: float) -> float:
    return (time.perf_counter() - begin) * 1000
