"""Puts the events of one streamed answer together."""

import json
from collections.abc import Mapping
from typing import Any

from atmos_ai_sidecar.application.ports.model import Answered, TextPiece, ThinkingPiece
from atmos_ai_sidecar.domain.messages import Block, RedactedThinking, Text, Thinking, ToolCall, Usage

_FIELDS: Mapping[str, tuple[str, str]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "json"),
}
"""Every known delta: where its text stands, and the field of the block that it extends."""
_USAGE = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class MalformedAnswerError(Exception):
    """The events are not those of the Messages API, or they ended too early."""


class Answer:
    """One answer, as far as it has come."""

    def __init__(self) -> None:
        self._blocks: dict[int, dict[str, Any]] = {}
        # What was streamed of each block, by field: put together once, because adding piece to piece is quadratic.
        self._streamed: dict[int, dict[str, list[str]]] = {}
        self._usage: dict[str, int] = {}
        self._stop_reason = ""
        self._is_complete = False

    def add(self, event: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        """Takes the next event; returns what a person may see of it. Unknown events and blocks are passed over.

        Raises:
            MalformedAnswerError: A known event lacks what it must have.
        """
        try:
            return self._add(event)
        except (KeyError, TypeError, AttributeError) as error:
            problem = f"the event {event.get('type')!r} is not as the Messages API has it"
            raise MalformedAnswerError(problem) from error

    def finished(self) -> Answered:
        """The whole answer.

        Raises:
            MalformedAnswerError: It has not ended.
        """
        if not self._is_complete:
            raise MalformedAnswerError("it ended in the middle")
        invalid: dict[str, str] = {}
        blocks = [_block(self._whole(index), invalid) for index in sorted(self._blocks)]
        has_calls = any(isinstance(block, ToolCall) for block in blocks)
        return Answered(
            blocks=tuple(block for block in blocks if block is not None),
            stop_reason=self._stop_reason or ("tool_use" if has_calls else "end_turn"),
            usage=Usage(**self._usage),
            invalid_inputs=invalid,
        )

    def _add(self, event: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        match event["type"]:
            case "message_start":
                self._count(event["message"].get("usage"))
            case "content_block_start":
                self._blocks[event["index"]] = block = {**event["content_block"], "json": ""}
                self._streamed[event["index"]] = {}
                return _piece(block.get("text"), block.get("thinking"))
            case "content_block_delta":
                return self._extend(self._streamed[event["index"]], event["delta"])
            case "message_delta":
                self._stop_reason = event["delta"].get("stop_reason") or self._stop_reason
                self._count(event.get("usage"))
            case "message_stop":
                self._is_complete = True
        return None

    def _extend(self, streamed: dict[str, list[str]], delta: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        known = _FIELDS.get(delta["type"])
        if known is None:
            return None
        source, field = known
        text = delta[source]
        if not isinstance(text, str):
            raise TypeError(source)
        streamed.setdefault(field, []).append(text)
        return _piece(text if field == "text" else None, text if field == "thinking" else None)

    def _whole(self, index: int) -> dict[str, Any]:
        block = self._blocks[index]
        streamed = {name: (block.get(name) or "") + "".join(pieces) for name, pieces in self._streamed[index].items()}
        return {**block, **streamed}

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # Every report is cumulative, so that the last one of each kind is the figure.
        self._usage |= {name: int(usage[name]) for name in _USAGE if usage and usage.get(name) is not None}


def _piece(text: str | None, thinking: str | None) -> TextPiece | ThinkingPiece | None:
    if text:
        return TextPiece(text=text)
    return ThinkingPiece(thinking=thinking) if thinking else None


def _block(block: Mapping[str, Any], invalid: dict[str, str]) -> Block | None:
    match block.get("type"):
        case "text":
            return Text(text=block["text"]) if block.get("text") else None
        case "thinking":
            return Thinking(thinking=block.get("thinking") or "", signature=block.get("signature") or "")
        case "redacted_thinking":
            return RedactedThinking(data=block.get("data") or "")
        case "tool_use":
            return _tool_call(block, invalid)
    return None


def _tool_call(block: Mapping[str, Any], invalid: dict[str, str]) -> ToolCall:
    call_id = str(block.get("id"))
    values: Any = block.get("input") or {}
    if block["json"]:
        try:
            values = json.loads(block["json"], parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            invalid[call_id] = f"the input is not JSON: {error}"
            values = {}
    if not isinstance(values, dict):
        invalid[call_id] = f"the input must be a JSON object, not {type(values).__name__}"
        values = {}
    return ToolCall(id=call_id, name=str(block.get("name")), input=values)


def _refuse_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)
