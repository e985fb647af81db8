"""How deep a value from outside may be nested.

A model or a server can nest JSON deeper than it can be copied, redacted or sent again: what reads it recursively gives
up at about a thousand levels, each in its own way. Nothing that anybody means is nested like that.
"""

from collections.abc import Mapping
from typing import Any

MAX_LEVELS = 100


def is_too_deep(value: Any) -> bool:
    """Whether lists and mappings stand in one another more than ``MAX_LEVELS`` deep. Not recursive itself."""
    level = [value]
    for _ in range(MAX_LEVELS + 1):
        level = [item for holder in level for item in _items(holder)]
        if not level:
            return False
    return True


def _items(holder: Any) -> list[Any]:
    if isinstance(holder, Mapping):
        return list(holder.values())
    return list(holder) if isinstance(holder, list | tuple) else []
