"""JSON values, texts and times between the domain and protobuf. Every function is total.

A ``Struct`` knows only doubles, and parsers give up at 100 nested messages. So what has no exact form there travels
as text: integers beyond 2^53, numbers that are not finite, and whatever is nested deeper than 30 levels.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp

from atmos_ai_sidecar.errors import InvalidFieldError

MAX_EXACT_INTEGER: Final = 2**53
MAX_DEPTH: Final = 30
"""An object costs three nested messages per level, and there are some around it."""


def proto_text(text: str) -> str:
    """The text with U+FFFD for halves of surrogate pairs, which UTF-8 has no form for."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def struct_from_json(values: Mapping[str, Any]) -> Struct:
    """A JSON object as a Struct."""
    return _struct(values, 0)


def value_from_json(value: Any) -> Value:
    """A JSON value as a Value; what is no JSON travels as its ``str``."""
    return _value(value, 0)


def json_from_struct(struct: Struct, field: str) -> dict[str, Any]:
    """A Struct as a JSON object; a double that is a whole number becomes an int.

    Raises:
        InvalidFieldError: It holds a number that JSON does not have.
    """
    return {key: json_from_value(value, f"{field}.{key}") for key, value in struct.fields.items()}


def proto_time(time: datetime | None) -> Timestamp | None:
    """A time as a Timestamp; None stays None, which leaves a field unset."""
    if time is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(time.astimezone(UTC))
    return stamp


def _struct(values: Mapping[Any, Any], depth: int) -> Struct:
    fields = {proto_text(str(key)): _value(value, depth + 1) for key, value in values.items()}
    return Struct(fields=fields)


def _value(value: Any, depth: int) -> Value:
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]  # the enum's one member
        case bool():
            return Value(bool_value=value)
        case int() if abs(value) <= MAX_EXACT_INTEGER:
            return Value(number_value=value)
        case float() if math.isfinite(value):
            return Value(number_value=value)
        case str():
            return Value(string_value=proto_text(value))
        case Mapping() if depth < MAX_DEPTH:
            return Value(struct_value=_struct(value, depth))
        case list() | tuple() if depth < MAX_DEPTH:
            return Value(list_value=ListValue(values=[_value(item, depth + 1) for item in value]))
        case _:
            return Value(string_value=proto_text(_as_text(value)))


def _as_text(value: Any) -> str:
    if isinstance(value, (Mapping, list, tuple)):
        try:
            return json.dumps(value, default=str, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError):
            return "…"
    return str(value)


def json_from_value(value: Value, field: str) -> Any:
    """A Value as a JSON value.

    Raises:
        InvalidFieldError: It holds a number that JSON does not have.
    """
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return _number(value.number_value, field)
        case "string_value":
            return value.string_value
        case "struct_value":
            return json_from_struct(value.struct_value, field)
        case "list_value":
            items: Sequence[Value] = value.list_value.values
            return [json_from_value(item, f"{field}[{index}]") for index, item in enumerate(items)]
        case _:
            return None


def _number(number: float, field: str) -> int | float:
    if not math.isfinite(number):
        raise InvalidFieldError(field, f"must be a number that JSON has, but is {number}")
    return int(number) if number.is_integer() and abs(number) <= MAX_EXACT_INTEGER else number
