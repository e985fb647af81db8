"""What a tool of a server answered, as a result."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from atmos_ai_sidecar.adapters.mcp_client.texts import plain
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import ToolExecutionFailedError

_ERROR_CHARACTERS = 300


def result_of(answer: Mapping[str, Any]) -> Result:
    """The result for an answer to ``tools/call``; the text is for people and the model, the structure is the data."""
    output = "\n".join(part for part in _parts(answer.get("content")) if part)
    data = answer.get("structuredContent")
    if not output and data is not None:
        output = json.dumps(data, ensure_ascii=False)
    if not answer.get("isError"):
        return Result(success=True, output=output, data=data)
    message = output.strip() or "The tool failed and said nothing."
    return Result(
        success=False,
        output=message,
        data=data,
        error=message.split("\n")[0][:_ERROR_CHARACTERS],
        reason=ToolExecutionFailedError.reason,
    )


def _parts(content: Any) -> Iterator[str]:
    for block in content if isinstance(content, list) else ():
        if isinstance(block, Mapping):
            yield _part(block)


def _part(block: Mapping[str, Any]) -> str:
    """One block as text; what is no text is named and not shown."""
    kind = str(block.get("type"))
    if kind == "text":
        return plain(str(block.get("text", "")))
    if kind in {"image", "audio"}:
        size = len(str(block.get("data", ""))) * 3 // 4
        return f"[{kind} of type {_word(block.get('mimeType'))}, about {size:,} bytes, not shown]"
    if kind == "resource":
        return _resource(block.get("resource"))
    if kind == "resource_link":
        return f"[link: {_word(block.get('name'))} {_word(block.get('uri'))}]"
    return f"[{_word(kind)}, not shown]"


def _resource(resource: Any) -> str:
    if not isinstance(resource, Mapping):
        return "[resource, not shown]"
    if isinstance(resource.get("text"), str):
        return f"{_word(resource.get('uri'))}:\n{plain(resource['text'])}"
    return f"[resource {_word(resource.get('uri'))} of type {_word(resource.get('mimeType'))}, not shown]"


def _word(value: Any) -> str:
    return plain(str(value or "unknown")).replace("\n", " ")[:200]
