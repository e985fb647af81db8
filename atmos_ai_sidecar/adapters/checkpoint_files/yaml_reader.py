"""YAML as plain values, within limits: no tags, anchors, aliases or second documents, and times stay texts."""

import re
from collections.abc import Iterator
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from atmos_ai_sidecar.errors import InvalidFieldError

MAX_DEPTH: Final = 64
_NULL = re.compile(r"~|null|Null|NULL|")
_BOOLEAN = re.compile(r"(true|True|TRUE)|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]{1,1000}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def read_yaml(text: str) -> Any:
    """The values of the one document in the text.

    Raises:
        InvalidFieldError: It is no YAML or uses what is not allowed; the error names the line.
    """
    try:
        events = iter(YAML(typ="safe", pure=True).parse(text))
        value = _document(events)
    except (YAMLError, RecursionError) as error:
        raise InvalidFieldError(
            "file",
            f"is no YAML: {_first_line(error).rstrip(':;,.')}.",
            remedy="Import what was exported as json or yaml; markdown is for reading.",
        ) from error
    return value


def _document(events: Iterator[Event]) -> Any:
    value: Any = None
    for event in events:
        if isinstance(event, DocumentStartEvent):
            value = _value(next(events), events, 0)
        elif isinstance(event, DocumentEndEvent):
            break
    if any(isinstance(event, DocumentStartEvent) for event in events):
        raise InvalidFieldError("file", "has more than one document")
    return value


def _value(event: Event, events: Iterator[Event], depth: int) -> Any:
    if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
        raise _refused(event, "has an anchor or alias, which is not allowed")
    # Of a quoted scalar the tag "!" only says that it is a text.
    tag = getattr(event, "tag", None)
    if tag not in {None, "!"}:
        raise _refused(event, f"has the tag {tag}, which is not allowed")
    if depth > MAX_DEPTH:
        raise _refused(event, f"is nested more than {MAX_DEPTH} levels deep")
    if isinstance(event, MappingStartEvent):
        return _mapping(events, depth + 1)
    if isinstance(event, SequenceStartEvent):
        return _sequence(events, depth + 1)
    assert isinstance(event, ScalarEvent)  # noqa: S101 - a value begins with one of these events
    return event.value if event.style else _plain(event.value)


def _mapping(events: Iterator[Event], depth: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for event in events:
        if isinstance(event, MappingEndEvent):
            break
        if not isinstance(event, ScalarEvent):
            raise _refused(event, "has a key that is no text")
        if event.value in found:
            raise _refused(event, f"has the key {event.value!r} twice")
        found[event.value] = _value(next(events), events, depth)
    return found


def _sequence(events: Iterator[Event], depth: int) -> list[Any]:
    found: list[Any] = []
    for event in events:
        if isinstance(event, SequenceEndEvent):
            break
        found.append(_value(event, events, depth))
    return found


def _plain(text: str) -> Any:
    if _NULL.fullmatch(text):
        return None
    if boolean := _BOOLEAN.fullmatch(text):
        return boolean.group(1) is not None
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _refused(event: Event, problem: str) -> InvalidFieldError:
    mark = event.start_mark
    return InvalidFieldError("file", f"line {mark.line + 1} {problem}" if mark is not None else problem)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:2]) if lines else "it is nested too deeply"
