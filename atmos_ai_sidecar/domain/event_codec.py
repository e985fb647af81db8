"""Events and permission requests as JSON objects, for the journal.

Every value that ``*_to_json`` writes is read back as an equal value by its ``*_from_json``. What a newer version
wrote is refused with ValueError and never half understood.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from atmos_ai_sidecar.domain import events
from atmos_ai_sidecar.domain.messages import Block, ToolCall, ToolResult, Usage, block_from_json, block_to_json
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.domain.tools import Effect, OutputPiece

_EVENTS: Mapping[str, type[events.TurnEvent]] = {
    "turn_started": events.TurnStarted,
    "text_delta": events.TextDelta,
    "thinking_delta": events.ThinkingDelta,
    "model_retrying": events.ModelRetrying,
    "tool_call_started": events.ToolCallStarted,
    "tool_call_output": events.ToolCallOutput,
    "tool_call_finished": events.ToolCallFinished,
    "permission_requested": events.PermissionRequested,
    "permission_resolved": events.PermissionResolved,
    "usage_reported": events.UsageReported,
    "notice": events.Notice,
    "turn_finished": events.TurnFinished,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}


def event_type(event: events.TurnEvent) -> str:
    """The name under which an event is stored."""
    return _NAMES[type(event)]


def event_to_json(event: events.TurnEvent) -> dict[str, Any]:
    """A JSON object that ``event_from_json`` turns back into an equal event."""
    return {"type": event_type(event), **_values(event)}


def event_from_json(values: Mapping[str, Any]) -> events.TurnEvent:
    """Reads what ``event_to_json`` wrote.

    Raises:
        ValueError: The object is no event; a newer version may have written it.
    """
    try:
        kind = _EVENTS[values["type"]]
        return kind(**{name: _decoded(name, value) for name, value in values.items() if name != "type"})
    except (KeyError, TypeError, AttributeError) as error:
        message = f"not an event: {values.get('type')!r}"
        raise ValueError(message) from error


def request_to_json(request: PermissionRequest) -> dict[str, Any]:
    """A JSON object that ``request_from_json`` turns back into an equal request."""
    return _values(request)


def request_from_json(values: Mapping[str, Any]) -> PermissionRequest:
    """Reads what ``request_to_json`` wrote.

    Raises:
        ValueError: The object is no permission request; a newer version may have written it.
    """
    try:
        return PermissionRequest(**{name: _decoded(name, value) for name, value in values.items()})
    except (KeyError, TypeError, AttributeError) as error:
        message = "not a permission request"
        raise ValueError(message) from error


def _values(item: Any) -> dict[str, Any]:
    return {field.name: _encoded(getattr(item, field.name)) for field in fields(item)}


def _encoded(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case ToolCall() | ToolResult():
            return block_to_json(value)
        case Usage() | OutputPiece() | Option() | PermissionRequest():
            return _values(value)
        case list() | tuple():
            return [_encoded(item) for item in value]
    return value


def _optional(decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else decode(value)


def _block(kind: type[Block]) -> Callable[[Any], Block]:
    def decode(value: Any) -> Block:
        block = block_from_json(value)
        if not isinstance(block, kind):
            message = f"{kind.__name__} expected"
            raise TypeError(message)
        return block

    return decode


def _options(values: Any) -> tuple[Option, ...]:
    return tuple(Option(**{**value, "answer": Answer(value["answer"])}) for value in values)


_DECODERS: Mapping[str, Callable[[Any], Any]] = {
    "tool_call": _block(ToolCall),
    "tool_result": _block(ToolResult),
    "piece": lambda value: OutputPiece(**value),
    "usage": lambda value: Usage(**value),
    "request": request_from_json,
    "outcome": _optional(Answer),
    "stop_reason": events.StopReason,
    "kind": events.NoticeKind,
    "effect": Effect,
    "options": _options,
    "lines": tuple,
    "create_time": datetime.fromisoformat,
    "expire_time": datetime.fromisoformat,
    "resolve_time": _optional(datetime.fromisoformat),
}
"""By field: the same name means the same type in every event."""


def _decoded(name: str, value: Any) -> Any:
    decode = _DECODERS.get(name)
    return value if decode is None else decode(value)
