import base64
import json

import pytest

from atmos_ai_sidecar.adapters.storage.cursors import decode_cursor, encode_cursor
from atmos_ai_sidecar.errors import InvalidPageTokenError

BINDING = ["list", "project", True]


def forged(*places: object) -> str:
    (own, *_) = json.loads(base64.urlsafe_b64decode(encode_cursor(BINDING, 1)))
    return base64.urlsafe_b64encode(json.dumps([own, *places]).encode()).decode()


def test_a_cursor_comes_back() -> None:
    assert decode_cursor(encode_cursor(BINDING, "2026-01-02", "id"), BINDING, str, str) == ("2026-01-02", "id")
    assert decode_cursor(encode_cursor(BINDING, 7), BINDING, int) == (7,)


@pytest.mark.parametrize(
    "cursor",
    [forged(), forged(1, 2), forged("1"), forged(True), forged(None), forged(-1), forged(2**63), forged([1])],
)
def test_a_forged_place_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidPageTokenError):
        decode_cursor(cursor, BINDING, int)


def test_a_place_that_no_text_column_can_hold_is_refused() -> None:
    with pytest.raises(InvalidPageTokenError):
        decode_cursor(forged("\ud800"), BINDING, str)


def test_nesting_without_end_is_refused() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 100_000).decode()
    with pytest.raises(InvalidPageTokenError):
        decode_cursor(deep, BINDING, int)
