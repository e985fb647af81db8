"""Requests of ours as bodies of the Messages API. Equal requests give equal bodies, key by key."""

from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.application.ports.model import ModelRequest
from atmos_ai_sidecar.domain.messages import Block, Message, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from atmos_ai_sidecar.domain.requests import canonical_json
from atmos_ai_sidecar.domain.tools import Result, Tool

_CACHE_POINT = {"type": "ephemeral"}
_CACHED_MESSAGES = 2
_CACHEABLE = {"text", "tool_use", "tool_result"}
_NOTHING = "(nothing)"


def body_of(request: ModelRequest) -> dict[str, Any]:
    """The body of the request: valid UTF-8, and a cache point on the last tool, system block and two messages."""
    body: dict[str, Any] = {"model": request.model, "max_tokens": request.max_tokens}
    system = [_text(text) for text in request.system if text.strip()]
    if system:
        body["system"] = _with_cache_point(system)
    if request.tools:
        body["tools"] = _with_cache_point([_tool(tool) for tool in request.tools])
    messages = [_message(message) for message in request.messages]
    for message in messages[-_CACHED_MESSAGES:]:
        message["content"] = _with_cache_point(message["content"])
    return {**_encodable(body), "messages": _encodable(messages)}


def _message(message: Message) -> dict[str, Any]:
    # The API takes no blank text and no message without content.
    blocks = [block for block in message.blocks if not isinstance(block, Text) or block.text.strip()]
    return {"role": str(message.role), "content": [_block(block) for block in blocks] or [_text(_NOTHING)]}


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Text():
            return _text(block.text)
        case Thinking():
            return {"type": "thinking", "thinking": block.thinking, "signature": block.signature}
        case RedactedThinking():
            return {"type": "redacted_thinking", "data": block.data}
        case ToolCall():
            return {"type": "tool_use", "id": block.id, "name": block.name, "input": dict(block.input)}
        case ToolResult():
            return _tool_result(block)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _tool_result(block: ToolResult) -> dict[str, Any]:
    sent = {"type": "tool_result", "tool_use_id": block.tool_call_id, "content": [_text(_result_text(block.result))]}
    return sent if block.result.success else {**sent, "is_error": True}


def _result_text(result: Result) -> str:
    output = result.output
    if not output.strip() and result.data is not None:
        output = canonical_json({"data": result.data})
    # A failure says its error once: the output of most of them begins with it.
    error = "" if result.success or result.error in output else result.error
    parts = [part for part in (output, error) if part.strip()]
    return "\n\n".join(parts) or _NOTHING


def _tool(tool: Tool) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}


def _with_cache_point(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks with a cache point on the last one that may carry it."""
    marked = list(blocks)
    for place in reversed(range(len(marked))):
        if marked[place].get("type", "text") in _CACHEABLE:
            marked[place] = {**marked[place], "cache_control": _CACHE_POINT}
            break
    return marked


def _encodable(value: Any) -> Any:
    """The value with lone surrogates, which have no UTF-8, replaced; a tool's output may hold some."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_encodable(item) for item in value]
    return value
