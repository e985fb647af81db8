"""Pages of lists: sizes, and tokens that belong to the list they came from."""

import base64
import binascii
import hashlib
from typing import Final

from atmos_ai_sidecar.errors import InvalidFieldError, InvalidPageTokenError
from atmos_ai_sidecar.rpc.values import proto_text

DEFAULT_PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 1000
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
"""A page ends early when it is that large, so that an answer stays far below the limit of a message."""
_DIGEST_BYTES: Final = 8


def page_limit(page_size: int) -> int:
    """How many entries a page may have.

    Raises:
        InvalidFieldError: The size is negative or too large.
    """
    if not 0 <= page_size <= MAX_PAGE_SIZE:
        raise InvalidFieldError("page_size", f"is {page_size}, must be 0 to {MAX_PAGE_SIZE}; 0 means 50")
    return page_size or DEFAULT_PAGE_SIZE


def page_token(cursor: str, *filters: str) -> str:
    """The token for the page after the cursor; empty for an empty cursor.

    Args:
        cursor: Where to go on.
        filters: Name of the list and everything that selects its entries.
    """
    if not cursor:
        return ""
    return base64.urlsafe_b64encode(_digest(filters) + proto_text(cursor).encode()).decode().rstrip("=")


def page_cursor(token: str, *filters: str) -> str:
    """The cursor that ``page_token`` put into the token; empty for an empty token.

    Raises:
        InvalidPageTokenError: It is no token, or the token of another list.
    """
    if not token:
        return ""
    try:
        content = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        cursor = content[_DIGEST_BYTES:].decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidPageTokenError from error
    if content[:_DIGEST_BYTES] != _digest(filters) or not cursor:
        raise InvalidPageTokenError
    return cursor


def _digest(filters: tuple[str, ...]) -> bytes:
    state = hashlib.blake2b(digest_size=_DIGEST_BYTES)
    for part in filters:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(f"{len(encoded)}:".encode() + encoded)
    return state.digest()
