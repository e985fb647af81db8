"""Plays one reply over HTTP (ASGI), with every fault that a script asks for."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from atmos_ai_sidecar.demo.offline_model import wire
from atmos_ai_sidecar.demo.offline_model.replies import (
    Cut,
    HttpError,
    Pause,
    Reply,
    Silence,
    StreamError,
    WaitFor,
)

NAME = "atmos-ai-offline-model (rule-based, no language model)"


@dataclass(slots=True)
class ReceivedRequest:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    raw: bytes
    json: Any
    """The decoded body; None where it is no JSON."""

    finished: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the answer has been sent, or the client or the script has ended it early."""

    is_complete: bool = False
    """The whole answer was sent."""


class Playback(Response):
    """Plays a reply, and stops at once when the client leaves or the server ends."""

    def __init__(
        self,
        received: ReceivedRequest,
        reply: Reply,
        envelope: wire.Envelope,
        *,
        gate: Callable[[str], asyncio.Event],
        stopping: asyncio.Event,
    ) -> None:
        self._gate = gate
        self._stopping = stopping
        self._received = received
        self._reply = reply
        self._envelope = envelope
        self._sent_bytes = 0
        self.background = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        tasks = {
            asyncio.create_task(self._play(send)),
            asyncio.create_task(_until_gone(receive)),
            asyncio.create_task(self._stopping.wait()),
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._received.finished.set()

    async def _play(self, send: Send) -> None:
        if self._reply.before is not None:
            await self._wait(self._reply.before)
        if self._received.json.get("stream"):
            whole = await self._play_events(send)
        else:
            whole = await self._play_message(send)
        if whole:
            self._received.is_complete = True
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _play_events(self, send: Send) -> bool:
        await self._start(send, 200, "text/event-stream; charset=utf-8")
        for item in wire.stream(self._reply, self._envelope, self._reply.piece_delay_seconds or 0):
            match item:
                case bytes():
                    if not await self._write(send, item):
                        return False
                case Cut():
                    return False
                case _:
                    await self._wait(item)
        return True

    async def _play_message(self, send: Send) -> bool:
        body, status = wire.message_body(self._reply, self._envelope), 200
        for step in self._reply.steps:
            match step:
                case Pause() | WaitFor() | Silence():
                    await self._wait(step)
                case StreamError():
                    status = next((code for code, kind in wire.ERROR_TYPES.items() if kind == step.type), 500)
                    body = wire.error_body(step.type, step.message, self._envelope.id)
                case Cut():
                    await self._start(send, status, "application/json")
                    return False
                case _:
                    pass
        await self._start(send, status, "application/json")
        return await self._write(send, json.dumps(body, ensure_ascii=False).encode())

    async def _start(self, send: Send, status: int, content_type: str) -> None:
        headers = api_headers() | {"content-type": self._reply.content_type or content_type}
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})

    async def _write(self, send: Send, data: bytes) -> bool:
        """Send `data` in the writes that the reply asks for; False when the connection is to be cut."""
        limit = self._reply.cut_after_bytes
        allowed = data if limit is None else data[: max(0, limit - self._sent_bytes)]
        size = self._reply.write_bytes or max(1, len(allowed))
        for start in range(0, len(allowed), size):
            await send({"type": "http.response.body", "body": allowed[start : start + size], "more_body": True})
            await asyncio.sleep(0)  # gives the transport its turn, so that the pieces leave one by one
        self._sent_bytes += len(allowed)
        return len(allowed) == len(data)

    async def _wait(self, step: Pause | WaitFor | Silence) -> None:
        match step:
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case WaitFor(gate):
                await self._gate(gate).wait()
            case Silence():
                await asyncio.Event().wait()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


_request_numbers = count(1)


def api_headers() -> dict[str, str]:
    """Return the headers of every answer: a request id, and a server that says plainly what it is."""
    return {"request-id": f"req_offline_{next(_request_numbers):06}", "server": NAME}


def error_response(error: HttpError) -> Response:
    """Return an error as the API sends it."""
    headers = api_headers()
    if error.retry_after is not None:
        headers["retry-after"] = f"{error.retry_after:g}"
    kind = error.type or wire.ERROR_TYPES.get(error.status, "api_error")
    return JSONResponse(wire.error_body(kind, error.message, headers["request-id"]), error.status, headers)
