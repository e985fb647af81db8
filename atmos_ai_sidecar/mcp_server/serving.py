"""Serves one client over a console's standard streams, from its greeting to the end of its input."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.errors import MessageTooLargeError, SidecarError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

OpenForMcp = Callable[[], AbstractAsyncContextManager[Workspace]]

MAX_LINE_BYTES = 16 * 1024 * 1024
REFUSED = -32000
"""The first of the codes that JSON-RPC leaves to servers."""


async def serve_mcp(console: Console, open_workspace: OpenForMcp, approvals: Approvals, *, version: str) -> int:
    """Serves the tools of a workspace until the client's input ends; standard output carries the protocol alone.

    Args:
        console: Where the client is.
        open_workspace: Opens the workspace; nobody is asked whether its project is trusted.
        approvals: Where questions are answered.
        version: What we call ourselves.

    Returns:
        The exit code 0.

    Raises:
        ProjectUntrustedError and what else opening a workspace raises; MessageTooLargeError when a line is beyond the
        limit. The client was told in an answer before.
    """
    lines = Lines(console)
    is_open = False
    try:
        async with open_workspace() as workspace:
            serve = await asyncio.to_thread(_load)
            is_open = True
            await serve(workspace, approvals, lines, console, version=version)
    except SidecarError as error:
        if not is_open:
            await _refuse(lines, console, error)
        raise
    return 0


class Lines:
    """Whole lines of a console's input.

    Raises (on iteration):
        MessageTooLargeError: A line is beyond the limit. What follows is not read.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    async def __aiter__(self) -> "AsyncIterator[bytes]":
        pieces: list[bytes] = []
        length = 0
        while data := await self._console.read():
            *whole, rest = data.split(b"\n")
            for line in whole:
                yield b"".join((*pieces, line))
                pieces, length = [], 0
            pieces.append(rest)
            length += len(rest)
            if length > MAX_LINE_BYTES:
                raise MessageTooLargeError(
                    f"A message of the MCP client is longer than {MAX_LINE_BYTES} bytes, so the connection was ended.",
                    remedy="Let the client send less at once.",
                    limit_bytes=str(MAX_LINE_BYTES),
                )
        if last := b"".join(pieces):
            yield last


async def _refuse(lines: Lines, console: Console, error: SidecarError) -> None:
    """Answers the client's first request with the reason why there will be no other answer."""
    async for line in lines:
        number = _request_id(line)
        if number is not None:
            told = {"code": REFUSED, "message": str(error), "data": {"reason": error.reason}}
            console.write(json.dumps({"jsonrpc": "2.0", "id": number, "error": told}).encode() + b"\n")
            await console.drain()
            return


def _request_id(line: bytes) -> Any:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message.get("id") if isinstance(message, dict) and "method" in message else None


def _load() -> Any:
    """Imports the SDK; slow, so in a thread."""
    from atmos_ai_sidecar.mcp_server.streams import serve_streams  # noqa: PLC0415

    return serve_streams
