"""The two ways to a server: a program of ours under the warden, or streamable HTTP. The streams are the SDK's."""

import ssl
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio
import httpx2
import mcp_types
import truststore
from mcp.client import Transport
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage

from atmos_ai_sidecar.adapters.local_tools.kept_program import KeptProgram
from atmos_ai_sidecar.adapters.model.proxies import proxy_for
from atmos_ai_sidecar.application.ports.program_runner import Program

if TYPE_CHECKING:
    from mcp.client._transport import TransportStreams

OpenStreams = Callable[[], Transport]

MAX_LINE_BYTES = 16 * 1024 * 1024
LADDER_SECONDS = (2.0, 2.0)
_FAREWELL_SECONDS = 2.0
"""How long a server may take to end after its input has ended, before it is signalled."""
_CONNECT_SECONDS = 10.0
_NOT_ALLOWED = frozenset({401, 403})
_LAST_WORDS_BYTES = 2_048


class LastWords:
    """The end of what a server wrote on its error output."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._length = 0
        self.end = ""
        """Why it speaks no more; empty while it does."""

    def add(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._length += len(piece)
        while self._length - len(self._pieces[0]) >= _LAST_WORDS_BYTES:
            self._length -= len(self._pieces.popleft())

    def __str__(self) -> str:
        return b"".join(self._pieces)[-_LAST_WORDS_BYTES:].decode("utf-8", "replace").strip()


@asynccontextmanager
async def program_streams(
    program: Program, words: LastWords, on_lost: Callable[[], None]
) -> AsyncGenerator["TransportStreams", None]:
    """Starts a server and speaks with it, a message a line.

    Leaving the context ends its input, gives it a moment, and leaves the rest to the warden.

    Args:
        program: The server.
        words: Gets what it writes on its error output, and how it ended.
        on_lost: Called when it speaks no more.

    Raises:
        ToolExecutionFailedError: There can be no warden.
    """
    kept = KeptProgram(program, ladder_seconds=LADDER_SECONDS)
    talk = _Talk(kept, words, on_lost)
    try:
        await kept.start()
        async with anyio.create_task_group() as tasks:
            for task in (talk.hear, talk.say, talk.keep_words, talk.await_end):
                tasks.start_soon(task)
            try:
                yield talk.heard, talk.said
            finally:
                with anyio.CancelScope(shield=True), anyio.move_on_after(_FAREWELL_SECONDS):
                    kept.end_input()
                    talk.heard.close()
                    talk.said.close()
                    await talk.ended.wait()
                kept.stop()
                tasks.cancel_scope.cancel()
    finally:
        kept.close()


class _Talk:
    """What goes on at once while a server runs: each method is a task of its own."""

    def __init__(self, kept: KeptProgram, words: LastWords, on_lost: Callable[[], None]) -> None:
        self._kept = kept
        self._words = words
        self._on_lost = on_lost
        self._heard_in, self.heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.said, self._said_out = anyio.create_memory_object_stream[SessionMessage](0)
        self.ended = anyio.Event()

    async def hear(self) -> None:
        async with self._heard_in:
            async for line in _lines(self._kept, self._words):
                try:
                    await self._heard_in.send(_message(line))
                except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                    return
            self._on_lost()

    async def say(self) -> None:
        async with self._said_out:
            async for message in self._said_out:
                data = message.message.model_dump_json(by_alias=True, exclude_unset=True).encode()
                try:
                    await self._kept.write(data + b"\n")
                except OSError:
                    self._on_lost()
                    await self._heard_in.aclose()
                    return

    async def keep_words(self) -> None:
        while piece := await self._kept.read_error():
            self._words.add(piece)

    async def await_end(self) -> None:
        end = await self._kept.wait_end()
        self._words.end = self._words.end or end
        self.ended.set()


@asynccontextmanager
async def http_streams(
    url: str, headers: Mapping[str, str], environment: Mapping[str, str], words: LastWords
) -> AsyncGenerator["TransportStreams", None]:
    """Speaks with a server over streamable HTTP, by the caller's proxies and with the system's certificates.

    ``words`` gets the status of a refusal.

    Raises:
        OSError: SSL_CERT_FILE or SSL_CERT_DIR cannot be read.
    """

    async def note(response: httpx2.Response) -> None:
        if response.is_error and response.request.method == "POST":
            hint = ": is there a right token in its `headers`?" if response.status_code in _NOT_ALLOWED else ""
            words.end = f"it answered with HTTP {response.status_code}{hint}"

    parts = urlsplit(url)
    transport = httpx2.AsyncHTTPTransport(
        verify=_trust(environment),
        trust_env=False,
        proxy=proxy_for(parts.scheme, parts.hostname or "", environment) or None,
    )
    timeout = httpx2.Timeout(_CONNECT_SECONDS, read=None)
    hooks = {"response": [note]}
    client = httpx2.AsyncClient(
        headers=dict(headers), transport=transport, trust_env=False, timeout=timeout, event_hooks=hooks
    )
    async with (
        client,
        streamable_http_client(url, http_client=client, max_sse_event_size=MAX_LINE_BYTES) as streams,
    ):
        yield streams


def _trust(environment: Mapping[str, str]) -> ssl.SSLContext:
    """The operating system's trust, and what SSL_CERT_FILE and SSL_CERT_DIR add to it."""
    context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    file, directory = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if file or directory:
        context.load_verify_locations(file or None, directory or None)
    return context


async def _lines(kept: KeptProgram, words: LastWords) -> AsyncGenerator[bytes, None]:
    """Whole lines, until the end or a line that is longer than any message."""
    pieces: list[bytes] = []
    length = 0
    while data := await kept.read():
        *whole, rest = data.split(b"\n")
        for line in whole:
            yield b"".join((*pieces, line))
            pieces, length = [], 0
        pieces.append(rest)
        length += len(rest)
        if length > MAX_LINE_BYTES:
            words.end = f"it sent a line of more than {MAX_LINE_BYTES:,} bytes"
            return


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:  # no JSON-RPC: the session passes over it
        return error
