"""Joins the SDK's server with a console, a message a line."""

import anyio
import mcp_types
from mcp.shared.message import SessionMessage

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.mcp_server.server import tool_server
from atmos_ai_sidecar.mcp_server.serving import Lines

_LAST_ANSWERS_SECONDS = 5.0
"""How long calls may go on after the input has ended: for clients that say everything and then listen."""


async def serve_streams(
    workspace: Workspace, approvals: Approvals, lines: Lines, console: Console, *, version: str
) -> None:
    """Serves until the input ends and what was asked is answered, or was given up."""
    server = tool_server(workspace, approvals, version=version)
    heard_in, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    said, said_out = anyio.create_memory_object_stream[SessionMessage](0)
    open_requests: set[str | int] = set()
    answered = anyio.Event()

    async def hear() -> None:
        nonlocal answered
        async with heard_in:
            async for line in lines:
                message = _message(line)
                if isinstance(message, SessionMessage) and isinstance(message.message, mcp_types.JSONRPCRequest):
                    open_requests.add(message.message.id)
                await heard_in.send(message)
            with anyio.move_on_after(_LAST_ANSWERS_SECONDS):
                while open_requests:
                    answered = anyio.Event()
                    await answered.wait()

    async def say() -> None:
        async with said_out:
            async for message in said_out:
                console.write(message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                await console.drain()
                if isinstance(message.message, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError):
                    open_requests.discard(message.message.id or "")
                    answered.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hear)
        tasks.start_soon(say)
        await server.run(heard, said, server.create_initialization_options())
        tasks.cancel_scope.cancel()


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:  # the server answers with a parse error
        return error
