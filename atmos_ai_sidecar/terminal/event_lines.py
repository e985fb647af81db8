"""The events of a turn as JSON, one a line; docs/automation.md describes them, and they are kept stable."""

from collections.abc import Callable
from typing import Any

from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    PermissionRequested,
    PermissionResolved,
    TextDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallStarted,
    TurnEvent,
    UsageReported,
)
from atmos_ai_sidecar.terminal.json_text import json_text
from atmos_ai_sidecar.terminal.one_turn import CallRecord
from atmos_ai_sidecar.terminal.outcome import result_values, token_values


class EventLines:
    """Writes what happens as it happens, each line whole."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._calls: dict[str, CallRecord] = {}

    def put(self, name: str, /, **values: Any) -> None:
        """Writes one line."""
        self._write(json_text({"type": name, **values}))

    def show(self, event: TurnEvent) -> None:
        """Writes an event, unless it is none for programs."""
        match event:
            case TextDelta():
                self.put("text", text=event.text)
            case ModelRetrying():
                self.put("retry", attempt=event.attempt, delay_seconds=event.delay_seconds, message=event.message)
            case ToolCallStarted():
                call = event.tool_call
                self._calls[call.id] = CallRecord(call=call, title=event.title)
                self.put("tool_call", id=call.id, tool=call.name, args=dict(call.input), title=event.title)
            case ToolCallOutput():
                piece = event.piece
                self.put("tool_output", id=event.tool_call_id, stream=piece.stream, text=piece.text)
            case ToolCallFinished() if event.tool_result.tool_call_id in self._calls:
                record = self._calls[event.tool_result.tool_call_id]
                record.result = event.tool_result.result
                self.put("tool_result", id=record.call.id, tool=record.call.name, **result_values(record))
            case PermissionRequested():
                request = event.request
                self.put("permission_requested", id=request.id, tool_call_id=request.tool_call_id, title=request.title)
            case PermissionResolved():
                self.put("permission_resolved", id=event.permission_request_id, outcome=event.outcome.value)
            case Notice():
                self.put("notice", kind=event.kind.value, message=event.message)
            case UsageReported():
                self.put("usage", tokens=token_values(event.usage), cost_usd=event.usage.known_cost_usd)
