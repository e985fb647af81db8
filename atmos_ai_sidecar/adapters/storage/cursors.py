"""Opaque places in a list, each bound to the list that it came from."""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.errors import InvalidPageTokenError

_DIGEST_LENGTH = 16
_INTEGER_LIMIT = 2**63
T = TypeVar("T", bound=str | int)


def encode_cursor(binding: Sequence[Any], *place: str | int) -> str:
    """The place in the list that ``binding`` names, as text for a URL."""
    text = json.dumps([_digest(binding), *place], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode_cursor(cursor: str, binding: Sequence[Any], *types: type[T]) -> tuple[T, ...]:
    """The place that ``encode_cursor`` wrote for the same list.

    Raises:
        InvalidPageTokenError: It is from another list or no cursor at all.
    """
    try:
        values = json.loads(base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise InvalidPageTokenError from error
    if not isinstance(values, list) or len(values) != len(types) + 1 or values[0] != _digest(binding):
        raise InvalidPageTokenError
    places = values[1:]
    if not all(type(place) is kind and _can_be_bound(place) for place, kind in zip(places, types, strict=True)):
        raise InvalidPageTokenError
    return tuple(places)


def _can_be_bound(place: str | int) -> bool:
    return place.isascii() if isinstance(place, str) else 0 <= place < _INTEGER_LIMIT


def _digest(binding: Sequence[Any]) -> str:
    return digest(canonical_json({"list": list(binding)}))[:_DIGEST_LENGTH]
