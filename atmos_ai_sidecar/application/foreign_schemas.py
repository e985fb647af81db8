"""Schemas of others, rebuilt so that checking an input against one is quick, fetches nothing and always ends.

References within the document are written out, because a few of them can stand for any amount of work; one that leads
back to itself becomes "anything". Regular expressions go, because they can run for ever. The server checks by itself.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from atmos_ai_sidecar.application.foreign_texts import plain
from atmos_ai_sidecar.domain.tools import Parameter, ParameterType

DESCRIPTION_CHARACTERS = 2_000

_CHARACTERS = 50_000
_MOST_PARTS = 5_000
_DEPTH = 24
_LEFT_OUT = frozenset(
    {"pattern", "patternProperties", "format", "$id", "$schema", "$anchor", "$vocabulary", "$defs", "definitions"}
)
_REFERENCES = frozenset({"$ref", "$dynamicRef", "$recursiveRef"})
_AT_TOP = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "enum", "const"})
"""What model providers take nowhere in the schema of a whole input."""
_NAMED = frozenset({"properties", "dependentSchemas"})
"""Keywords whose keys are names and no keywords."""
_VALUES = frozenset({"enum", "const", "default", "examples"})
_TEXTS = frozenset({"description", "title", "$comment"})
_PROPERTY_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}")
"""What the Messages API takes at the top; it refuses a whole request for one other name, with all tools in it."""
_TYPES: tuple[ParameterType, ...] = ("string", "integer", "number", "boolean", "array", "object")


def harmless_schema(raw: Any) -> Mapping[str, Any]:
    """The schema of a tool's input.

    Raises:
        ValueError: It cannot be used; the message says why.
    """
    if raw is None:
        return {"type": "object", "properties": {}}
    if not isinstance(raw, Mapping) or raw.get("type", "object") != "object":
        raise ValueError("its input is no object")
    try:
        if len(json.dumps(raw)) > _CHARACTERS:
            raise ValueError(f"its input schema has more than {_CHARACTERS:,} characters")
    except RecursionError as error:
        raise ValueError("its input schema is too deep") from error
    top = {key: value for key, value in raw.items() if key not in _AT_TOP}
    schema = {**_Builder(raw).schema(top, depth=_DEPTH, within=("#",)), "type": "object"}
    properties = schema.get("properties")
    for name in properties if isinstance(properties, Mapping) else ():
        if not _PROPERTY_NAME.fullmatch(name):
            raise ValueError(
                f"its input has a field {plain(name)[:60]!r}: models take names of 1 to 64 letters, digits, _, . and -"
            )
    return schema


def parameters_of(schema: Mapping[str, Any]) -> Iterator[Parameter]:
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


class _Builder:
    """Rebuilds one document."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._left = _MOST_PARTS

    def schema(self, schema: Mapping[str, Any], *, depth: int, within: Sequence[str]) -> dict[str, Any]:
        """One schema; ``within`` are the references that are being written out."""
        self._left -= 1
        if depth == 0 or self._left < 0:
            raise ValueError("its input schema is too deep" if depth == 0 else "its input schema is too large")
        kept: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _REFERENCES:
                kept = {**self._referred(value, depth=depth - 1, within=within), **kept}
            elif key in _NAMED and isinstance(value, Mapping):
                kept[key] = {name: self._part(part, depth - 1, within) for name, part in value.items()}
            elif key in _TEXTS:
                kept[key] = plain(str(value))[:DESCRIPTION_CHARACTERS]
            elif key in _VALUES:
                kept[key] = value
            elif key not in _LEFT_OUT:
                kept[key] = self._part(value, depth - 1, within)
        return kept

    def _part(self, value: Any, depth: int, within: Sequence[str]) -> Any:
        if isinstance(value, Mapping):
            return self.schema(value, depth=depth, within=within)
        if isinstance(value, list):
            return [self._part(item, depth, within) for item in value]
        return value

    def _referred(self, reference: Any, *, depth: int, within: Sequence[str]) -> dict[str, Any]:
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise ValueError(f"its input schema refers to {plain(str(reference))[:100]}")
        if reference in within:
            return {}
        found: Any = self._root
        for part in reference.split("/")[1:]:
            key = unquote(part).replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            return {}
        return self.schema(found, depth=depth, within=(*within, reference))
