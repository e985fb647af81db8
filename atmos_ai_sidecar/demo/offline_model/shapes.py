"""The shape of every object of a Messages API request that the offline model accepts: fields, types, limits.

The real API refuses fields that it does not know, so this does too: a typing error in a request must not pass here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One rule of the API that a request breaks."""

    where: str
    """Path of the offending place, such as `messages.2.content.0`; empty for the request as a whole."""

    message: str

    def __str__(self) -> str:
        """Read like the API's own messages: place, colon, rule."""
        return f"{self.where}: {self.message}" if self.where else self.message


@dataclass(frozen=True, slots=True)
class Field:
    """What one field may hold."""

    expected: str
    accepts: Callable[[Any], bool]
    required: bool = False


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_cache_point(value: object) -> bool:
    return value is None or (
        isinstance(value, dict)
        and value.get("type") == "ephemeral"
        and value.get("ttl", "5m") in ("5m", "1h")
        and not value.keys() - {"type", "ttl"}
    )


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value) is not None


def _one_of(*values: str) -> Field:
    return Field(f"one of {', '.join(values)}", lambda value: value in values)


def required(field: Field) -> Field:
    """Return `field` as one that must be there."""
    return Field(field.expected, field.accepts, required=True)


STRING = Field("a string", lambda value: isinstance(value, str))
TEXT = Field("a non-empty string", _is_text)
BOOLEAN = Field("true or false", lambda value: isinstance(value, bool))
OBJECT = Field("an object", lambda value: isinstance(value, dict))
ARRAY = Field("an array", lambda value: isinstance(value, list))
FRACTION = Field("a number from 0 to 1", lambda value: _is_number(value) and 0 <= value <= 1)
COUNT = Field("an integer of at least 1", _is_count)
CONTENT = Field("a string or an array of blocks", lambda value: isinstance(value, str | list))
CACHE_POINT = Field('null or {"type": "ephemeral", "ttl"?: "5m" | "1h"}', _is_cache_point)
TOOL_NAME = Field("a name of 1 to 128 letters, digits, `_` and `-`", _matches(r"[a-zA-Z0-9_-]{1,128}"))
IDENTIFIER = Field("an id of letters, digits, `_` and `-`", _matches(r"[a-zA-Z0-9_-]+"))
ANYTHING = Field("anything", lambda _value: True)

REQUEST: Mapping[str, Field] = {
    "model": required(TEXT),
    "max_tokens": required(COUNT),
    "messages": required(ARRAY),
    "system": CONTENT,
    "stream": BOOLEAN,
    "temperature": FRACTION,
    "top_p": FRACTION,
    "top_k": COUNT,
    "stop_sequences": Field(
        "an array of strings that are not blank",
        lambda value: isinstance(value, list) and all(isinstance(text, str) and text.strip() for text in value),
    ),
    "tools": ARRAY,
    "tool_choice": OBJECT,
    "metadata": OBJECT,
    "thinking": OBJECT,
    "service_tier": _one_of("auto", "standard_only"),
    "cache_control": CACHE_POINT,
    "output_config": OBJECT,
}

MESSAGE: Mapping[str, Field] = {"role": required(_one_of("user", "assistant")), "content": required(CONTENT)}

METADATA: Mapping[str, Field] = {"user_id": STRING}

TOOL: Mapping[str, Field] = {
    "name": required(TOOL_NAME),
    "input_schema": required(
        Field(
            'an object with "type": "object", and properties with names of 1 to 64 letters, digits, `_`, `.` and `-`',
            lambda value: (
                isinstance(value, dict)
                and value.get("type") == "object"
                and all(re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", str(name)) for name in value.get("properties", ()))
            ),
        )
    ),
    "description": STRING,
    "type": Field("custom (the offline model has no server tools)", lambda value: value in (None, "custom")),
    "cache_control": CACHE_POINT,
    "strict": BOOLEAN,
    "input_examples": ARRAY,
    "eager_input_streaming": ANYTHING,
}

_TYPE = {"type": ANYTHING}

TOOL_CHOICES: Mapping[str, Mapping[str, Field]] = {
    "auto": _TYPE | {"disable_parallel_tool_use": BOOLEAN},
    "any": _TYPE | {"disable_parallel_tool_use": BOOLEAN},
    "tool": _TYPE | {"name": required(TOOL_NAME), "disable_parallel_tool_use": BOOLEAN},
    "none": _TYPE,
}

THINKING: Mapping[str, Mapping[str, Field]] = {
    "enabled": _TYPE
    | {
        "budget_tokens": required(Field("an integer of at least 1024", lambda v: _is_count(v) and v >= 1024)),  # noqa: PLR2004 - the API's own limit
        "display": ANYTHING,
    },
    "adaptive": _TYPE | {"display": ANYTHING},
    "between_tools": _TYPE,
    "disabled": _TYPE,
}

_SOURCE = {"source": required(OBJECT), "cache_control": CACHE_POINT}
_TEXT_BLOCK = _TYPE | {"text": required(STRING), "cache_control": CACHE_POINT, "citations": ANYTHING}
_IMAGE_BLOCK = _TYPE | _SOURCE
_DOCUMENT_BLOCK = _TYPE | _SOURCE | {"title": ANYTHING, "context": ANYTHING, "citations": ANYTHING}

SYSTEM_BLOCKS: Mapping[str, Mapping[str, Field]] = {"text": _TEXT_BLOCK}

RESULT_BLOCKS: Mapping[str, Mapping[str, Field]] = {
    "text": _TEXT_BLOCK,
    "image": _IMAGE_BLOCK,
    "document": _DOCUMENT_BLOCK,
}

USER_BLOCKS: Mapping[str, Mapping[str, Field]] = {
    **RESULT_BLOCKS,
    "tool_result": _TYPE
    | {
        "tool_use_id": required(IDENTIFIER),
        "content": CONTENT,
        "is_error": BOOLEAN,
        "cache_control": CACHE_POINT,
    },
}

ASSISTANT_BLOCKS: Mapping[str, Mapping[str, Field]] = {
    "text": _TEXT_BLOCK,
    "thinking": _TYPE | {"thinking": required(STRING), "signature": required(TEXT)},
    "redacted_thinking": _TYPE | {"data": required(TEXT)},
    "tool_use": _TYPE
    | {
        "id": required(IDENTIFIER),
        "name": required(TOOL_NAME),
        "input": required(OBJECT),
        "cache_control": CACHE_POINT,
        "caller": ANYTHING,
    },
}


def check(where: str, value: Mapping[str, Any], shape: Mapping[str, Field]) -> Iterator[Violation]:
    """Yield what `value` lacks, has too much, or has in the wrong type."""
    prefix = f"{where}." if where else ""
    for name, field in shape.items():
        if name not in value:
            if field.required:
                yield Violation(where=prefix + name, message="this field is required")
        elif not field.accepts(value[name]):
            yield Violation(where=prefix + name, message=f"this must be {field.expected}")
    for name in value:
        if name not in shape:
            yield Violation(where=prefix + str(name), message="no such field is permitted here")


def check_variant(where: str, value: object, variants: Mapping[str, Mapping[str, Field]]) -> Iterator[Violation]:
    """Yield what is wrong with an object whose `type` chooses its shape."""
    if not isinstance(value, dict):
        yield Violation(where=where, message="this must be an object")
        return
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in variants:
        yield Violation(where=f"{where}.type", message=f"{kind!r} is none of {', '.join(variants)}")
        return
    yield from check(where, value, variants[kind])
