"""Tools that a client runs itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from atmos_ai_sidecar.v1 import message_pb2, permission_service_pb2
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedTool:
    """A tool that the sidecar's model can ask for and that runs here."""

    name: str
    description: str
    run: Callable[[Mapping[str, Any]], Any]
    """Gets the input, which is valid, and returns the output as text; with ``AsyncClient`` it may be a coroutine
    function. What it raises fails the call."""
    input_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    """JSON Schema of the input, an object."""
    effect: str = "read"
    """read, write, execute or network; everything but read asks for permission."""
    timeout_seconds: float = 0.0
    """0: the sidecar's default."""


def registration(host_name: str, tools: Sequence[HostedTool]) -> Any:
    """The first message of a stream that hosts tools."""
    offered = [
        ParseDict({"inputSchema": dict(tool.input_schema), "effect": _effect(tool.effect)}, pb.Tool()) for tool in tools
    ]
    for message, tool in zip(offered, tools, strict=True):
        message.name, message.description, message.timeout_seconds = tool.name, tool.description, tool.timeout_seconds
    return pb.HostToolsRequest(register=pb.HostToolsRequest.Register(host_name=host_name, tools=offered))


def input_of(call: Any) -> Mapping[str, Any]:
    """The input of a call; numbers without a fraction are integers again."""
    values: Mapping[str, Any] = _whole(MessageToDict(call.tool_call.input))
    return values


def result(call_id: str, *, output: str = "", error: str = "") -> Any:
    """What a call came to; with an error it has failed."""
    answered = message_pb2.ToolResult(success=not error, output=output, error=error)
    return pb.HostToolsRequest(result=pb.HostToolsRequest.Result(call_id=call_id, tool_result=answered))


def failed(call_id: str, error: Exception) -> Any:
    """The result of a call whose tool raised."""
    return result(call_id, error=f"{type(error).__name__}: {error}")


def _effect(name: str) -> str:
    effect = f"EFFECT_{name.upper()}"
    if effect not in permission_service_pb2.Effect.keys():  # noqa: SIM118 - no mapping
        message = f"effect must be read, write, execute or network, not {name!r}"
        raise ValueError(message)
    return effect


def _whole(value: Any) -> Any:
    match value:
        case dict():
            return {key: _whole(each) for key, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
