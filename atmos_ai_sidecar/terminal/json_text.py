"""JSON for programs, whatever was said or printed."""

import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(value: Any, *, indent: int | None = None) -> str:
    """A JSON text with its end of line.

    It is ASCII, so that nothing in it ends a line or acts on a terminal, and half a character is no problem. What JSON
    has not is spelled out: NaN and Infinity are null, other values their text.
    """
    try:
        text = json.dumps(value, indent=indent, default=str, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=indent, default=str)
    return text + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
