"""Tools that a client runs: registered by a stream, called over it, gone with it.

Guarantees: all tools of a stream are registered or none; nobody can call them any more when the stream has ended, and
every call that ran then has failed; a call that is cancelled or out of time is taken back from the client, whose
result for it no longer counts.
"""

import asyncio
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any, Final

from atmos_ai_sidecar.application.foreign_schemas import DESCRIPTION_CHARACTERS, harmless_schema, parameters_of
from atmos_ai_sidecar.application.foreign_texts import plain
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.validation import check_schema
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.tools import (
    DEFAULT_TIMEOUT_SECONDS,
    Effect,
    Execution,
    OutputPiece,
    Result,
    Tool,
    ToolRegistry,
)
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    MessageTooLargeError,
    ShuttingDownError,
    ToolExecutionFailedError,
    UnsupportedEventError,
)
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.rpc.convert import effect_from_proto, output_from_proto, proto_tool_call, result_from_proto
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.guard import MAX_MESSAGE_BYTES
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.streams import next_event
from atmos_ai_sidecar.rpc.values import json_from_struct, proto_time
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb

MOST_TOOLS: Final = 128
MAX_NAME_CHARACTERS: Final = 64
MAX_TIMEOUT_SECONDS: Final = 24 * 3600.0
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the Messages API takes as the name of a tool."""
_OF_SERVERS: Final = "__"
"""Stands in the names of what MCP servers offer: rules and grants for those must not come to hold for another tool."""
_PIECE_CHARACTERS: Final = 64 * 1024
_MOST_PRINTED_CHARACTERS: Final = 5_000_000
"""A call may print as much as is kept of a program's output: all of it waits in memory for a slow journal."""


@dataclass(slots=True, kw_only=True)
class _RunningCall:
    execution: Execution
    result: asyncio.Future[Result]
    room: int = _MOST_PRINTED_CHARACTERS

    def emit(self, piece: OutputPiece) -> None:
        """Passes on what a call may print; what is more is dropped, and said so once."""
        if len(piece.text) <= self.room:
            self.room -= len(piece.text)
            self.execution.emit(piece)
        elif self.room:
            self.room = 0
            self.execution.emit(OutputPiece(stream="stderr", text="\n[… more output was dropped …]\n"))


class HostStream:
    """One client that hosts tools: a task that sends calls and one that takes what becomes of them."""

    def __init__(self, context: Context, sender: Sender, clock: Clock) -> None:
        self._context = context
        self._sender = sender
        self._clock = clock
        self._calls: dict[str, _RunningCall] = {}
        self._outgoing: asyncio.Queue[Any] = asyncio.Queue()
        self._is_over = False

    async def run(self, register: Any, registry: ToolRegistry, departure: Departure) -> None:
        """Returns when the client sends no more: who cannot answer hosts nothing.

        Raises:
            InvalidFieldError, UnsupportedEventError: What the client sent.
            ToolExistsError: A name is taken.
            ShuttingDownError: The server goes away.
        """
        tools = await asyncio.to_thread(self._tools, register)
        try:
            with _registered(registry, tools):
                names = [tool.name for tool in tools]
                await self._sender.send(pb.HostToolsResponse(registered=pb.HostToolsResponse.Registered(names=names)))
                await self._exchange(departure)
        finally:
            self._fail_calls()

    async def _exchange(self, departure: Departure) -> None:
        async with asyncio.TaskGroup() as tasks:
            gone = tasks.create_task(departure.wait_begun())
            sends = tasks.create_task(self._send())
            client = tasks.create_task(self._listen())
            await asyncio.wait((client, gone), return_when=asyncio.FIRST_COMPLETED)
            if not client.done():
                raise ShuttingDownError
            gone.cancel()
            sends.cancel()

    async def _send(self) -> None:
        while True:
            await self._sender.send(await self._outgoing.get())

    async def _listen(self) -> None:
        while (request := await next_event(self._context)) is not None:
            match request.WhichOneof("event"):
                case "output":
                    piece = output_from_proto(request.output.output)
                    if len(piece.text) > _PIECE_CHARACTERS:  # it is redacted on this loop, between other events
                        raise InvalidFieldError("output.output.text", f"has more than {_PIECE_CHARACTERS:,} characters")
                    call = self._calls.get(request.output.call_id)
                    if call is not None:
                        call.emit(piece)
                case "result":
                    call = self._calls.get(request.result.call_id)
                    if call is not None and not call.result.done():
                        call.result.set_result(result_from_proto(request.result.tool_result))
                case unknown:
                    raise UnsupportedEventError(unknown or "unknown")

    def _fail_calls(self) -> None:
        self._is_over = True
        for call in self._calls.values():
            if not call.result.done():
                call.result.set_exception(_lost())
                call.result.exception()  # whoever waits raises it; a call that is being cancelled does not

    async def _call(self, name: str, values: Mapping[str, Any], execution: Execution) -> Result:
        """Has the client run a tool.

        Raises:
            ToolExecutionFailedError: The client has gone.
            MessageTooLargeError: The input is more than a message can carry.
        """
        if self._is_over:  # a person was asked while it went
            message = f"{name} was not run: the client that runs it has gone."
            raise ToolExecutionFailedError(message, tool=name)
        call_id = uuid.uuid4().hex
        request = _sendable(self._request(call_id, name, values, execution))
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._calls[call_id] = _RunningCall(execution=execution, result=result)
        self._outgoing.put_nowait(request)
        try:
            return await result
        except asyncio.CancelledError:
            self._outgoing.put_nowait(pb.HostToolsResponse(cancel=pb.HostToolsResponse.Cancel(call_id=call_id)))
            raise
        finally:
            del self._calls[call_id]

    def _request(self, call_id: str, name: str, values: Mapping[str, Any], execution: Execution) -> Any:
        seconds = execution.timeout_seconds
        call = pb.HostToolsResponse.Call(
            call_id=call_id,
            tool_call=proto_tool_call(ToolCall(id=execution.tool_call_id, name=name, input=values)),
            session_id=execution.session_id,
            deadline_time=proto_time(self._clock.now() + timedelta(seconds=seconds)) if seconds else None,
        )
        return pb.HostToolsResponse(call=call)

    def _tools(self, register: Any) -> Sequence[Tool]:
        host = register.host_name
        if not host.strip() or not host.isprintable() or len(host) > MAX_NAME_CHARACTERS:
            raise InvalidFieldError("register.host_name", f"must have 1 to {MAX_NAME_CHARACTERS} visible characters")
        if not 1 <= len(register.tools) <= MOST_TOOLS:
            raise InvalidFieldError("register.tools", f"must be 1 to {MOST_TOOLS} tools")
        source = f"the client {host}"
        return tuple(self._tool(tool, f"register.tools[{index}]", source) for index, tool in enumerate(register.tools))

    def _tool(self, tool: Any, field: str, source: str) -> Tool:
        name = tool.name
        if not _NAME.fullmatch(name) or _OF_SERVERS in name:
            raise InvalidFieldError(f"{field}.name", f"must be 1 to 64 letters, digits, _ and -, without {_OF_SERVERS}")
        if not 0 <= tool.timeout_seconds <= MAX_TIMEOUT_SECONDS:
            raise InvalidFieldError(f"{field}.timeout_seconds", f"must be 0 to {MAX_TIMEOUT_SECONDS:g}")
        effect = effect_from_proto(f"{field}.effect", tool.effect)
        schema = _schema(tool, f"{field}.input_schema")
        description = plain(tool.description[: 2 * DESCRIPTION_CHARACTERS])[:DESCRIPTION_CHARACTERS]

        async def execute(values: Mapping[str, Any], execution: Execution) -> Result:
            return await self._call(name, values, execution)

        return Tool(
            name=name,
            description=description or f"{name} of {source}",
            parameters=tuple(parameters_of(schema)),
            schema=schema,
            effect=effect,
            requires_permission=tool.requires_permission or effect is not Effect.READ,
            restricted=tool.restricted,
            timeout_seconds=tool.timeout_seconds or DEFAULT_TIMEOUT_SECONDS,
            source=source,
            execute=execute,
        )


def _schema(tool: Any, field: str) -> Mapping[str, Any]:
    """The schema, its keys sorted: a Struct has no order, and what the model reads must not change by itself."""
    given = json_from_struct(tool.input_schema, field) if tool.HasField("input_schema") else None
    try:
        schema = harmless_schema(json.loads(json.dumps(given, sort_keys=True)))
    except ValueError as error:
        raise InvalidFieldError(field, str(error)) from error
    check_schema(schema, field)
    return schema


@contextmanager
def _registered(registry: ToolRegistry, tools: Sequence[Tool]) -> Iterator[None]:
    """The tools are in the registry while the context lasts.

    Raises:
        ToolExistsError: A name is taken; none of them is registered then.
    """
    with ExitStack() as stack:
        for tool in tools:
            registry.register(tool)
            stack.callback(registry.unregister, tool.name)
        yield


def _sendable(message: Any) -> Any:
    if message.ByteSize() > MAX_MESSAGE_BYTES:
        raise MessageTooLargeError(f"The input is too large for a tool that a client runs: {message.ByteSize()} bytes.")
    return message


def _lost() -> ToolExecutionFailedError:
    return ToolExecutionFailedError(
        "The client that runs this tool has gone; whether the call did anything is not known.",
        remedy="Look at the current state before trying again.",
    )
