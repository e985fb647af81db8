"""A server on loopback that answers byte for byte what a test wrote down."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

EVENT_STREAM = {"content-type": "text/event-stream; charset=utf-8"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer: its pieces, each a write of its own, and how it ends."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: EVENT_STREAM)
    pieces: Sequence[bytes] = ()
    is_cut: bool = False
    """The connection is reset after the last piece."""
    is_chunked: bool = True
    """Without, the end of the connection is the end of the answer."""
    hold: asyncio.Event | None = None
    """Nothing more comes after the last piece until it is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    path: str
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))


class MessagesApi:
    """The replies in order; the last one is repeated. ``requests`` are those that came."""

    def __init__(self, replies: Sequence[Reply]) -> None:
        self.url = ""
        self.requests: list[Request] = []
        self.closed_by_client = asyncio.Event()
        self._replies = list(replies)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.requests.append(await _read(reader))
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            await self._answer(reply, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.closed_by_client.set()
        finally:
            writer.close()

    async def _answer(self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framing = {"transfer-encoding": "chunked"} if reply.is_chunked else {}
        head = {**reply.headers, **framing, "connection": "close"}
        lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        for piece in reply.pieces:
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if reply.is_chunked else piece)
            await writer.drain()
        if reply.hold is not None:
            await self._wait(reply.hold, reader)
        if reply.is_cut:
            writer.transport.abort()
        elif reply.is_chunked:
            writer.write(b"0\r\n\r\n")
            await writer.drain()

    async def _wait(self, hold: asyncio.Event, reader: asyncio.StreamReader) -> None:
        held, gone = asyncio.ensure_future(hold.wait()), asyncio.ensure_future(reader.read())
        await asyncio.wait({held, gone}, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self.closed_by_client.set()
        held.cancel()
        gone.cancel()


@asynccontextmanager
async def messages_api(*replies: Reply, tls: ssl.SSLContext | None = None) -> AsyncIterator[MessagesApi]:
    api = MessagesApi(replies)
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        api.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield api


def event(kind: str, **values: Any) -> bytes:
    """One event of a stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **values}, ensure_ascii=False)}\n\n".encode()


def start(**usage: int) -> bytes:
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1, **usage},
    }  # fmt: skip
    return event("message_start", message=message)


def block(index: int, content: Mapping[str, Any], *deltas: Mapping[str, Any]) -> list[bytes]:
    return [
        event("content_block_start", index=index, content_block=content),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def text_block(index: int, *texts: str) -> list[bytes]:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def tool_block(index: int, name: str, *parts: str) -> list[bytes]:
    content = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
    return block(index, content, *({"type": "input_json_delta", "partial_json": part} for part in parts))


def end(stop_reason: str = "end_turn", **usage: int) -> list[bytes]:
    delta = {"stop_reason": stop_reason, "stop_sequence": None}
    return [event("message_delta", delta=delta, usage={"output_tokens": 5, **usage}), event("message_stop")]


def answer(*texts: str) -> Reply:
    """A whole answer of one text."""
    return Reply(pieces=[start(), *text_block(0, *texts), *end()])


def error(status: int, kind: str, message: str, **headers: str) -> Reply:
    """An answer with an error status."""
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={"content-type": "application/json", **named}, pieces=[body])


async def _read(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(_header(line) for line in head[1:] if line)
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(path=head[0].split(" ")[1], headers=headers, raw=raw)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name.lower(), value
