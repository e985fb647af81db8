"""How values are written into columns: times as ISO 8601 in UTC, structures as JSON, texts as valid UTF-8."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

T = TypeVar("T")


class UnreadableError(Exception):
    """A column holds something that this program did not write."""


def to_text_time(moment: datetime) -> str:
    """Fixed width, so that the order of texts is the order of times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text_time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise UnreadableError(str(error)) from error


def to_json(values: Any) -> str:
    """ASCII only, because a lone surrogate has no UTF-8."""
    return json.dumps(values, separators=(",", ":"))


def from_json(text: str, decode: Callable[[Any], T]) -> T:
    """What ``decode`` makes of the JSON.

    Raises:
        UnreadableError: The column does not hold what this program writes.
    """
    try:
        return decode(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UnreadableError(str(error)) from error


def to_text(text: str) -> str:
    """The text; a lone surrogate, which only a file name or an argument can bring, becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
