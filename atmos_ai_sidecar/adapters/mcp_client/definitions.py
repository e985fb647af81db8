"""What a server says about its tools, made harmless: a server is not trusted with more than its own calls.

Names are what a model may call, texts have nothing that a terminal obeys or hides, and schemas are rebuilt.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.application.foreign_schemas import DESCRIPTION_CHARACTERS, harmless_schema, parameters_of
from atmos_ai_sidecar.application.foreign_texts import plain
from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.domain.tools import Parameter
from atmos_ai_sidecar.lazy_dataclasses import dataclass

SEPARATOR = "__"
MOST_TOOLS = 256
"""Of one server: what comes after them is left out, and that is said."""

_NAME_CHARACTERS = 128
_UNSAFE_NAME = re.compile(r"[^a-zA-Z0-9_-]")


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
    schema = harmless_schema(raw.get("inputSchema"))
    annotations = raw.get("annotations")
    hints = annotations if isinstance(annotations, Mapping) else {}
    return Definition(
        name=name,
        full_name=_UNSAFE_NAME.sub("_", f"{server}{SEPARATOR}{name}")[:_NAME_CHARACTERS],
        description=plain(str(raw.get("description") or raw.get("title") or ""))[:DESCRIPTION_CHARACTERS],
        schema=schema,
        parameters=tuple(parameters_of(schema)),
        is_destructive=hints.get("destructiveHint") is True,
        says_it_writes=hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True,
        hash=digest(canonical_json({key: value for key, value in raw.items() if key != "_meta"})),
    )
