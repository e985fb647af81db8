"""Permission requests: stored questions that are answered at most once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class Answer(StrEnum):
    """How a permission request can be settled."""

    ALLOW_ONCE = "allow_once"
    ALLOW_ALWAYS = "allow_always"
    REJECT_ONCE = "reject_once"
    REJECT_ALWAYS = "reject_always"
    CANCELLED = "cancelled"
    UNATTENDED = "unattended"
    EXPIRED = "expired"

    @property
    def allows(self) -> bool:
        return self in {Answer.ALLOW_ONCE, Answer.ALLOW_ALWAYS}

    @property
    def is_remembered(self) -> bool:
        return self in {Answer.ALLOW_ALWAYS, Answer.REJECT_ALWAYS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One way for a person to answer."""

    id: str
    label: str
    key: str
    answer: Answer
    rule_preview: str = ""
    """Exactly what an "always" would remember."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRequest:
    """A stored question whether one tool call may run."""

    id: str
    """Unguessable, never used again."""
    session_id: str
    turn_id: str
    tool_call_id: str
    run_id: str
    """The terminal run that asks; empty for calls over Chat and ExecuteTool."""
    tool: str
    effect: Effect
    canonical_input: str
    title: str
    stack: str
    lines: Sequence[str]
    """The whole question, sanitised, ready to print."""
    options: Sequence[Option]
    digest: str
    create_time: datetime
    expire_time: datetime
    outcome: Answer | None = None
    """None while it is pending."""
    resolved_by: str = ""
    resolve_time: datetime | None = None
    comment: str = ""
    """What the person said with a rejection."""

    def option(self, option_id: str) -> Option:
        """The option of that id.

        Raises:
            InvalidFieldError: The request does not offer it.
        """
        for option in self.options:
            if option.id == option_id:
                return option
        raise InvalidFieldError("option_id", f"must be one of {', '.join(option.id for option in self.options)}")


def canonical_json(values: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spare space: equal inputs give equal text."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(*parts: str) -> str:
    """SHA-256 over the parts, each with its length, so that no two lists of parts give the same text."""
    state = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(f"{len(encoded)}:".encode())
        state.update(encoded)
    return state.hexdigest()
