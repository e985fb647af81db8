"""Puts the events of one streamed answer together."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.application.ports.model import Answered, TextPiece, ThinkingPiece
from atmos_ai_sidecar.domain.messages import Block, RedactedThinking, Text, Thinking, ToolCall, Usage
from atmos_ai_sidecar.domain.nesting import MAX_LEVELS, is_too_deep

_FIELDS: Mapping[str, tuple[str, str]] = {
    "text_delta": ("text", "text"),
    "thinking_delta": ("thinking", "thinking"),
    "signature_delta": ("signature", "signature"),
    "input_json_delta": ("partial_json", "json"),
}
"""Every known delta: where its text stands, and the field of the block that it extends."""
_USAGE = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
_TEXTS: Mapping[str, Sequence[str]] = {
    "text": ("text",),
    "thinking": ("thinking", "signature"),
    "redacted_thinking": ("data",),
    "tool_use": ("id", "name"),
}
"""What each known block holds as text; another type in its place would go far before it is noticed."""
_MOST_TOKENS = 1_000_000_000_000
"""Far above every answer, and still a number that every store takes."""


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
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            problem = f"the event {event.get('type')!r} is not as the Messages API has it"
            raise MalformedAnswerError(problem) from error

    def finished(self) -> Answered:
        """The whole answer.

        Raises:
            MalformedAnswerError: It has not ended, or its tool calls cannot be told apart.
        """
        if not self._is_complete:
            raise MalformedAnswerError("it ended in the middle")
        invalid: dict[str, str] = {}
        blocks = [_block(self._whole(index), invalid) for index in sorted(self._blocks)]
        call_ids = [block.id for block in blocks if isinstance(block, ToolCall)]
        if len(set(call_ids)) < len(call_ids):
            # The results could not be told apart.
            message = "two of its tool calls have the same id"
            raise MalformedAnswerError(message)
        return Answered(
            blocks=tuple(block for block in blocks if block is not None),
            stop_reason=self._stop_reason or ("tool_use" if call_ids else "end_turn"),
            usage=Usage(**self._usage),
            invalid_inputs=invalid,
        )

    def _add(self, event: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        match event["type"]:
            case "message_start":
                self._count(event["message"].get("usage"))
            case "content_block_start":
                return self._begin(event["index"], event["content_block"])
            case "content_block_delta":
                return self._extend(self._streamed[event["index"]], event["delta"])
            case "message_delta":
                self._stop_reason = _text(event["delta"].get("stop_reason")) or self._stop_reason
                self._count(event.get("usage"))
            case "message_stop":
                self._is_complete = True
        return None

    def _begin(self, index: Any, block: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        if not isinstance(index, int):
            raise TypeError(index)
        texts = {name: _text(block.get(name)) for name in _TEXTS.get(block["type"], ())}
        if block["type"] == "tool_use" and not all(texts.values()):
            raise ValueError(texts)
        self._blocks[index] = {**block, **texts, "json": ""}
        self._streamed[index] = {}
        return _piece(texts.get("text"), texts.get("thinking"))

    def _extend(self, streamed: dict[str, list[str]], delta: Mapping[str, Any]) -> TextPiece | ThinkingPiece | None:
        known = _FIELDS.get(delta["type"])
        if known is None:
            return None
        source, field = known
        text = _text(delta[source])
        streamed.setdefault(field, []).append(text)
        return _piece(text if field == "text" else None, text if field == "thinking" else None)

    def _whole(self, index: int) -> dict[str, Any]:
        block = self._blocks[index]
        streamed = {name: (block.get(name) or "") + "".join(pieces) for name, pieces in self._streamed[index].items()}
        return {**block, **streamed}

    def _count(self, usage: Mapping[str, Any] | None) -> None:
        # Every report is cumulative, so that the last one of each kind is the figure.
        self._usage |= {name: _tokens(usage[name]) for name in _USAGE if usage and usage.get(name) is not None}


def _text(value: Any) -> str:
    if not isinstance(value, str | None):
        raise TypeError(value)
    return value or ""


def _tokens(value: Any) -> int:
    return max(0, min(int(value), _MOST_TOKENS))


def _piece(text: str | None, thinking: str | None) -> TextPiece | ThinkingPiece | None:
    if text:
        return TextPiece(text=text)
    return ThinkingPiece(thinking=thinking) if thinking else None


def _block(block: Mapping[str, Any], invalid: dict[str, str]) -> Block | None:
    match block.get("type"):
        case "text":
            return Text(text=block["text"]) if block["text"] else None
        case "thinking":
            return Thinking(thinking=block["thinking"], signature=block["signature"])
        case "redacted_thinking":
            return RedactedThinking(data=block["data"])
        case "tool_use":
            return _tool_call(block, invalid)
    return None


def _tool_call(block: Mapping[str, Any], invalid: dict[str, str]) -> ToolCall:
    call_id = block["id"]
    values: Mapping[str, Any]
    try:
        values = _input_of(block)
    except ValueError as error:
        invalid[call_id], values = str(error), {}
    return ToolCall(id=call_id, name=block["name"], input=values)


def _input_of(block: Mapping[str, Any]) -> Mapping[str, Any]:
    """The input of a call.

    Raises:
        ValueError: It is none that a tool could get, or that could be sent again; says why.
    """
    values: Any = block.get("input") or {}
    if block["json"]:
        try:
            values = json.loads(block["json"], parse_constant=_refuse_constant, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            message = f"the input is not JSON: {error}"
            raise ValueError(message) from error
    if not isinstance(values, dict):
        message = f"the input must be a JSON object, not {type(values).__name__}"
        raise ValueError(message)  # noqa: TRY004 - nobody of ours passed a wrong type
    if is_too_deep(values):
        message = f"the input is JSON of more than {MAX_LEVELS} levels"
        raise ValueError(message)
    return values


def _refuse_constant(name: str) -> None:
    message = f"{name} is not JSON"
    raise ValueError(message)


def _finite(digits: str) -> float:
    """JSON allows any number of digits; what has no finite form here could not be sent again."""
    number = float(digits)
    if not math.isfinite(number):
        _refuse_constant(digits)
    return number
