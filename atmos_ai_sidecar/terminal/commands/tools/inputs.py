"""The input of a call as people write it: one JSON object, or name=value."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import click

from atmos_ai_sidecar.domain.tools import Tool


def object_of(text: str) -> dict[str, Any]:
    """A JSON object.

    Raises:
        click.UsageError: It is none.
    """
    try:
        values = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--input is no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise click.UsageError("--input must be a JSON object.")
    return values


def named_values(tool: Tool, pairs: Sequence[str]) -> dict[str, Any]:
    """The values of ``name=value`` words, of the types that the tool wants.

    A text stays as it is written; a list is JSON, or its items with commas between; anything else is JSON. What fits
    none of that stays a text, for the check of the input to refuse by name.

    Raises:
        click.UsageError: A word has no ``=``.
    """
    fields = tool.input_schema.get("properties", {})
    values = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name:
            raise click.UsageError(f"{pair!r} is no NAME=VALUE.")
        values[name] = _value(value, fields.get(name, {}))
    return values


def _value(text: str, field: Mapping[str, Any]) -> Any:
    kind = field.get("type")
    if kind == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text.split(",") if kind == "array" else text
