"""What a server says about its tools, made harmless: a server is not trusted with more than its own calls.

Names are what a model may call, texts have nothing that a terminal obeys or hides, and a schema holds nothing that
makes a validator fetch a URL or search for ever.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.domain.tools import Parameter, ParameterType

SEPARATOR = "__"
MOST_TOOLS = 256
"""Of one server: what comes after them is left out, and that is said."""

_NAME_CHARACTERS = 128
_DESCRIPTION_CHARACTERS = 2_000
_SCHEMA_CHARACTERS = 50_000
_SCHEMA_DEPTH = 24
_UNSAFE_NAME = re.compile(r"[^a-zA-Z0-9_-]")
_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_LEFT_OUT = frozenset({"pattern", "patternProperties", "$id", "$schema", "$anchor", "$dynamicAnchor", "$vocabulary"})
"""Regular expressions of others can run for ever; the rest changes what a reference means. The server checks itself."""
_AT_TOP = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const"})
"""What model providers take nowhere in the schema of a whole input."""
_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})
"""Keywords whose keys are names and no keywords."""
_TYPES: frozenset[ParameterType] = frozenset({"string", "integer", "number", "boolean", "array", "object"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """One tool as its server describes it."""

    name: str
    """What the server calls it."""
    full_name: str
    """``server__tool``, as the model calls it."""
    description: str
    schema: Mapping[str, Any]
    parameters: Sequence[Parameter]
    is_destructive: bool
    """The server says so; what it says to the contrary counts for nothing."""
    says_it_writes: bool
    """It does not call itself read-only."""
    hash: str
    """Stands for everything that the server says about the tool."""


def definition_of(server: str, raw: Mapping[str, Any]) -> Definition:
    """One tool of a server.

    Raises:
        ValueError: It cannot be used; the message says why.
    """
    name = raw.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a tool has no name")
    schema = _schema(raw.get("inputSchema"))
    annotations = raw.get("annotations")
    hints = annotations if isinstance(annotations, Mapping) else {}
    return Definition(
        name=name,
        full_name=_UNSAFE_NAME.sub("_", f"{server}{SEPARATOR}{name}")[:_NAME_CHARACTERS],
        description=plain(str(raw.get("description") or raw.get("title") or ""))[:_DESCRIPTION_CHARACTERS],
        schema=schema,
        parameters=tuple(_parameters(schema)),
        is_destructive=hints.get("destructiveHint") is True,
        says_it_writes=hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True,
        hash=digest(canonical_json({key: value for key, value in raw.items() if key != "_meta"})),
    )


def plain(text: str) -> str:
    """Text without what a terminal obeys or hides, line feeds and tabs apart."""
    return "".join(char for char in _ESCAPE.sub("", text) if char in "\n\t" or _is_plain(char))


def _is_plain(char: str) -> bool:
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def _schema(raw: Any) -> Mapping[str, Any]:
    if raw is None:
        return {"type": "object", "properties": {}}
    if not isinstance(raw, Mapping) or raw.get("type", "object") != "object":
        raise ValueError("its input is no object")
    try:
        if len(json.dumps(raw)) > _SCHEMA_CHARACTERS:
            raise ValueError(f"its input schema has more than {_SCHEMA_CHARACTERS:,} characters")
    except RecursionError as error:
        raise ValueError("its input schema is too deep") from error
    top = {key: value for key, value in raw.items() if key not in _AT_TOP}
    return {**_harmless(top, _SCHEMA_DEPTH), "type": "object"}


def _harmless(schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if depth == 0:
        raise ValueError("its input schema is too deep")
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _LEFT_OUT:
            continue
        if key in {"$ref", "$dynamicRef", "$recursiveRef"} and not str(value).startswith("#"):
            raise ValueError(f"its input schema refers to {plain(str(value))[:100]}")
        if key in _NAMED and isinstance(value, Mapping):
            kept[key] = {name: _part(part, depth - 1) for name, part in value.items()}
        elif key in {"enum", "const", "default", "examples"}:
            kept[key] = value
        elif key in {"description", "title", "$comment"}:
            kept[key] = plain(str(value))[:_DESCRIPTION_CHARACTERS]
        else:
            kept[key] = _part(value, depth - 1)
    return kept


def _part(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return _harmless(value, depth)
    if isinstance(value, list):
        return [_part(item, depth) for item in value]
    return value


def _parameters(schema: Mapping[str, Any]) -> Iterator[Parameter]:
    """The fields of the input for people; the schema is what counts."""
    properties, required = schema.get("properties"), schema.get("required")
    for name, field in properties.items() if isinstance(properties, Mapping) else ():
        described = field if isinstance(field, Mapping) else {}
        kind = described.get("type")
        yield Parameter(
            name=name,
            type=next((known for known in _TYPES if known == kind), "string"),
            description=str(described.get("description", "")),
            required=isinstance(required, list) and name in required,
        )
