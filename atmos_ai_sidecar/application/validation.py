"""The input of a tool call is checked against the tool's schema before anybody is asked."""

import difflib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from atmos_ai_sidecar.domain.nesting import MAX_LEVELS, is_too_deep
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.errors import InvalidFieldError

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SHOWN_CHARACTERS = 60


def prepare_validation() -> None:
    """Imports what validation needs ahead of the first call; slow, so callers on an event loop use a thread."""
    import jsonschema  # noqa: F401, PLC0415


def validate_input(tool: Tool, values: Mapping[str, Any]) -> None:
    """Checks an input.

    Raises:
        InvalidFieldError: Names the first field that is wrong, what was expected there and, for a field that the
            tool does not have, the nearest that it has.
    """
    from jsonschema import Draft202012Validator  # noqa: PLC0415 - 0.2 s, and no command without tools needs it

    if is_too_deep(values):
        raise InvalidFieldError("input", f"is nested more than {MAX_LEVELS} levels deep.", tool=tool.name)
    errors = sorted(Draft202012Validator(tool.input_schema).iter_errors(dict(values)), key=_rank)
    if errors:
        field, problem = _explain(errors[0], [parameter.name for parameter in tool.parameters])
        raise InvalidFieldError(field, problem, tool=tool.name)


def check_schema(schema: Mapping[str, Any], field: str) -> None:
    """Checks that inputs can be validated against a schema.

    Raises:
        InvalidFieldError: It is no JSON Schema; names the field that it came in.
    """
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - see validate_input

    try:
        Draft202012Validator.check_schema(dict(schema))
    except (RecursionError, SchemaError) as error:
        detail = error.message if isinstance(error, SchemaError) else "it is too deep"
        raise InvalidFieldError(field, f"is no JSON Schema: {detail}") from error


def _rank(error: "ValidationError") -> tuple[int, str]:
    """Unknown fields first: a misspelt name explains why the right one is missing."""
    order = {"additionalProperties": 0, "required": 1}
    return order.get(str(error.validator), 2), error.json_path


def _explain(error: "ValidationError", names: Sequence[str]) -> tuple[str, str]:
    field = error.json_path.removeprefix("$.")
    instance: Any = error.instance
    expected: Any = error.validator_value
    if error.validator == "additionalProperties":
        if field != "$":
            return field, f"has a field too many: {error.message}"
        unknown = min(set(instance) - set(names))
        return unknown, f"is not a field of this tool. {_nearest(unknown, names)}"
    if error.validator == "required" and field == "$":
        missing = next(name for name in expected if name not in instance)
        return missing, "is required and missing."
    if error.validator == "enum":
        return field, f"must be one of {', '.join(map(str, expected))}, but is {_shown(instance)}."
    if error.validator == "type":
        return field, f"must be {_article(str(expected))}, but is {_shown(instance)}."
    return field, f"is not valid: {error.message}"


def _nearest(unknown: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(unknown, names, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Its fields are: {', '.join(names)}." if names else "It has none."


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aio" else f"a {kind}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
