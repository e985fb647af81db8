"""What people told Atmos' own assistant to allow or deny always. Atmos writes the file; it is only read here.

It holds `{"permissions": {"allow": [...], "deny": [...]}}` with the names of tools. Atmos compares an entry
`NAME(...)` by its name alone. Here that denies too, and allows nothing, because it was meant for less.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.configuration.yaml_file import read_bytes
from atmos_ai_sidecar.domain.decisions import ListEntry
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

ANSWERS_OF_ATMOS = ".atmos/ai.settings.local.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class AtmosAnswers:
    allowed: Sequence[ListEntry] = ()
    denied: Sequence[ListEntry] = ()
    problem: str = ""
    """Why the file cannot be used; empty when it can, or when there is none."""


def read_atmos_answers(directory: Path) -> AtmosAnswers:
    """The answers in a project. Never raises: a file that is broken is told as a problem and left alone."""
    path = directory / ANSWERS_OF_ATMOS
    try:
        if not path.is_file():
            return AtmosAnswers()
        text = read_bytes(path).decode("utf-8-sig")
        document = json.loads(text)
    except ConfigurationInvalidError as error:
        return AtmosAnswers(problem=f"{ANSWERS_OF_ATMOS} holds for nothing: {error.message}")
    except OSError as error:
        return AtmosAnswers(problem=f"{ANSWERS_OF_ATMOS} holds for nothing: it cannot be reached ({error.strerror}).")
    except (ValueError, RecursionError) as error:
        return AtmosAnswers(problem=f"{ANSWERS_OF_ATMOS} holds for nothing: it is no JSON ({error}).")
    permissions = _value(document, "permissions") if isinstance(document, dict) else document
    if permissions is None:
        return AtmosAnswers()
    allowed, denied = (_names(permissions, name) for name in ("allow", "deny"))
    if allowed is None or denied is None:
        return AtmosAnswers(problem=f"{ANSWERS_OF_ATMOS} holds for nothing: its permissions are no lists of names.")
    return AtmosAnswers(
        allowed=tuple(_entry(name, name, text) for name in allowed if "(" not in name),
        denied=tuple(_entry(name.partition("(")[0], name, text) for name in denied),
    )


def _names(permissions: object, name: str) -> Sequence[str] | None:
    """The names on a list; None when it is none."""
    if not isinstance(permissions, dict):
        return None
    names = _value(permissions, name) or []
    is_list = isinstance(names, list) and all(isinstance(each, str) for each in names)
    return names if is_list else None


def _value(document: dict[str, Any], name: str) -> Any:
    """The value of a key. Like Atmos it does not distinguish upper and lower case."""
    return next((value for key, value in document.items() if key.lower() == name), None)


def _entry(pattern: str, written: str, text: str) -> ListEntry:
    found = text.find(json.dumps(written))
    line = text.count("\n", 0, found) + 1 if found >= 0 else 0
    return ListEntry(pattern=pattern, file=ANSWERS_OF_ATMOS, line=line)
