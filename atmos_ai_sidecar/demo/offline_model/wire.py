"""A reply as the bytes of the Messages API: one JSON object, or server-sent events."""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from atmos_ai_sidecar.demo.offline_model.history_rules import sign
from atmos_ai_sidecar.demo.offline_model.replies import (
    Cut,
    Pause,
    RedactedThinking,
    Reply,
    Silence,
    StreamError,
    Text,
    Thinking,
    ToolUse,
    Usage,
    WaitFor,
)

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a message carries besides its content."""

    id: str
    model: str
    usage: Usage


def new_envelope(model: str, usage: Usage) -> Envelope:
    """Return an envelope with a new id."""
    return Envelope(id=f"msg_offline_{secrets.token_hex(10)}", model=model, usage=usage)


def new_call_id() -> str:
    """Return an id for a tool_use that no stored conversation has."""
    return f"toolu_offline_{secrets.token_hex(10)}"


def error_body(kind: str, message: str, request_id: str) -> dict[str, Any]:
    """Return an error as the API words it."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id}


def message_body(reply: Reply, envelope: Envelope) -> dict[str, Any]:
    """Return the answer to a request that does not stream."""
    content: list[dict[str, Any]] = []
    for step in reply.steps:
        match step:
            case Text(text) if content and content[-1]["type"] == "text":
                content[-1]["text"] += text
            case Text() | Thinking() | RedactedThinking() | ToolUse():
                content.append(_whole(step))
            case _:
                pass
    return _message(envelope, content, asdict(envelope.usage)) | {
        "stop_reason": reply.stops_for,
        "stop_sequence": reply.stop_sequence,
    }


def stream(
    reply: Reply, envelope: Envelope, piece_delay_seconds: float
) -> Iterator[bytes | Pause | WaitFor | Silence | Cut]:
    """Yield the events of a streamed answer and what happens between them."""
    begun = asdict(envelope.usage) | {"output_tokens": 1}
    yield _event("message_start", message=_message(envelope, [], begun))
    index, has_open_text = -1, False
    for step in reply.steps:
        match step:
            case Pause() | WaitFor() | Silence() | Cut():
                yield step
                continue
            case StreamError():
                yield _event("error", error={"type": step.type, "message": step.message})
                return
            case Text() if has_open_text:
                yield from _deltas(index, step, piece_delay_seconds)
                continue
        if has_open_text:
            yield _event("content_block_stop", index=index)
        index += 1
        yield _event("content_block_start", index=index, content_block=_empty(step))
        if index == 0:
            yield _event("ping")
        yield from _deltas(index, step, piece_delay_seconds)
        has_open_text = isinstance(step, Text)
        if not has_open_text:
            yield _event("content_block_stop", index=index)
    if has_open_text:
        yield _event("content_block_stop", index=index)
    stop = {"stop_reason": reply.stops_for, "stop_sequence": reply.stop_sequence}
    yield _event("message_delta", delta=stop, usage=asdict(envelope.usage))
    yield _event("message_stop")


Block = Text | Thinking | RedactedThinking | ToolUse


def pieces(text: str, size: int = 12) -> Iterator[str]:
    """Split text into pieces of whole words, each of about `size` characters; joined they are the text."""
    piece = ""
    for word in re.findall(r"\s*\S+|\s+$", text):
        if piece and len(piece) + len(word) > size:
            yield piece
            piece = ""
        piece += word
    if piece:
        yield piece


def _deltas(index: int, step: Block, delay_seconds: float) -> Iterator[bytes | Pause]:
    for delta in _changes(step):
        yield _event("content_block_delta", index=index, delta=delta)
        if delay_seconds:
            yield Pause(delay_seconds)


def _changes(step: Block) -> Iterator[dict[str, str]]:
    match step:
        case Text(text):
            for piece in pieces(text):
                yield {"type": "text_delta", "text": piece}
        case Thinking(text):
            for piece in pieces(text):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": signature_of(step)}
        case ToolUse():
            yield {"type": "input_json_delta", "partial_json": ""}
            for piece in step.json_pieces or pieces(json.dumps(dict(step.input), ensure_ascii=False)):
                yield {"type": "input_json_delta", "partial_json": piece}
        case RedactedThinking():
            return


def signature_of(step: Thinking) -> str:
    """Return the signature that a thinking block is sent with."""
    return sign(step.text) if step.signature is None else step.signature


def _whole(step: Block) -> dict[str, Any]:
    match step:
        case Text(text):
            return {"type": "text", "text": text}
        case Thinking(text):
            return {"type": "thinking", "thinking": text, "signature": signature_of(step)}
        case RedactedThinking(data):
            return {"type": "redacted_thinking", "data": data}
        case ToolUse():
            return {"type": "tool_use", "id": step.id or new_call_id(), "name": step.name, "input": dict(step.input)}


def _empty(step: Block) -> dict[str, Any]:
    """Return a block as it looks before its first delta."""
    blank: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    whole = _whole(step)
    return whole | blank.get(whole["type"], {})


def _message(envelope: Envelope, content: list[dict[str, Any]], usage: dict[str, int]) -> dict[str, Any]:
    return {
        "id": envelope.id,
        "type": "message",
        "role": "assistant",
        "model": envelope.model,
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=False, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()
