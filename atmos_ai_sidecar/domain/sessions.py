"""Sessions: names, contexts, and what a listing shows."""

import unicodedata
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from typing import NewType

from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

SessionId = NewType("SessionId", str)
MAX_NAME_LENGTH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One conversation about one project."""

    id: SessionId
    name: str
    """Unique within the project."""
    project_path: str
    """Absolute and real."""
    model: str
    provider: str
    create_time: datetime
    update_time: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)
    etag: str = ""
    """Changes with every update."""
    message_count: int = 0
    archived: bool = False
    author: str = ""
    """Whose sidecar created it; empty in stores of one person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextItem:
    """One fact attached to a session."""

    context_type: str
    context_key: str
    context_value: str


def checked_name(name: str) -> str:
    """The name, if it can be shown, typed and used as a file's stem anywhere.

    Raises:
        InvalidFieldError: It is empty, too long, or has slashes, control or invisible characters.
    """
    if not name.strip():
        raise InvalidFieldError("name", "must not be empty")
    if name != name.strip():
        raise InvalidFieldError("name", "must not begin or end with white space")
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidFieldError("name", f"has {len(name)} characters, at most {MAX_NAME_LENGTH} are allowed")
    if name in {".", ".."}:
        raise InvalidFieldError("name", f"must not be {name!r}", remedy="Use letters, digits, '-', '_' or '.'.")
    if "/" in name or "\\" in name:
        raise InvalidFieldError("name", "must not contain slashes.", remedy="Use letters, digits, '-', '_' or '.'.")
    if any(unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for character in name):
        raise InvalidFieldError("name", "must not contain control or invisible characters")
    return name


def default_name(now: datetime) -> str:
    """The name of a session that was given none."""
    return f"session-{now:%Y%m%d-%H%M%S}"
