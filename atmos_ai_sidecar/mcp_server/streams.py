"""Joins the SDK's server with a console, a message a line."""

from typing import Any

import anyio
import mcp_types
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.errors import MessageTooLargeError
from atmos_ai_sidecar.mcp_server.messages import messages_of, refusal
from atmos_ai_sidecar.mcp_server.server import tool_server
from atmos_ai_sidecar.mcp_server.serving import REFUSED, Lines

_LAST_ANSWERS_SECONDS = 5.0
"""How long calls may go on after the input has ended: for clients that say everything and then listen."""


async def serve_streams(
    workspace: Workspace, approvals: Approvals, lines: Lines, console: Console, *, version: str
) -> None:
    """Serves until the input ends and what was asked is answered, or was given up.

    Raises:
        MessageTooLargeError: The client sent a line beyond the limit, and was told.
    """
    server = tool_server(workspace, approvals, version=version)
    heard_in, heard = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    said, said_out = anyio.create_memory_object_stream[SessionMessage](0)
    conversation = _Conversation(console)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(conversation.hear, lines, heard_in, said.clone())
        tasks.start_soon(conversation.say, said_out)
        await server.run(heard, said, server.create_initialization_options())
        said.close()
        tasks.cancel_scope.deadline = anyio.current_time() + _LAST_ANSWERS_SECONDS  # for a client that does not read
    if conversation.problem is not None:
        raise conversation.problem


class _Conversation:
    """What the client said and was told, and which of its requests are open."""

    def __init__(self, console: Console) -> None:
        self.problem: MessageTooLargeError | None = None
        """Why it was ended, when it was not by the end of input."""
        self._console = console
        self._open_requests: set[str | int] = set()
        self._changed = anyio.Event()

    async def hear(
        self,
        lines: Lines,
        heard: MemoryObjectSendStream[SessionMessage | Exception],
        said: MemoryObjectSendStream[SessionMessage],
    ) -> None:
        """Passes on what comes, and answers what is no message."""
        async with heard, said:
            try:
                async for line in lines:
                    for message in messages_of(line):
                        if isinstance(message, SessionMessage):
                            self._note(message.message)
                            await heard.send(message)
                        else:
                            await said.send(SessionMessage(message))
            except MessageTooLargeError as error:
                self.problem = error
                await said.send(SessionMessage(refusal(None, REFUSED, str(error), reason=error.reason)))
            with anyio.move_on_after(_LAST_ANSWERS_SECONDS):
                while self._open_requests:
                    self._changed = anyio.Event()
                    await self._changed.wait()

    async def say(self, said: MemoryObjectReceiveStream[SessionMessage]) -> None:
        """Writes each message as a line."""
        async with said:
            async for message in said:
                line = message.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
                self._console.write(line)
                await self._console.drain()
                if isinstance(message.message, mcp_types.JSONRPCResponse | mcp_types.JSONRPCError):
                    self._close(message.message.id)

    def _note(self, message: mcp_types.JSONRPCMessage) -> None:
        if isinstance(message, mcp_types.JSONRPCRequest):
            self._open_requests.add(message.id)
        elif isinstance(message, mcp_types.JSONRPCNotification) and message.method == "notifications/cancelled":
            self._close((message.params or {}).get("requestId"))  # it gets no answer

    def _close(self, request_id: Any) -> None:
        if isinstance(request_id, str | int):
            self._open_requests.discard(request_id)
            self._changed.set()
