"""Values that are nested too deep are told before anything recursive meets them."""

from typing import Any

import pytest

from atmos_ai_sidecar.domain.nesting import MAX_LEVELS, is_too_deep


def nested(levels: int, *, in_lists: bool = False) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if in_lists else {"a": value, "b": "text"}
    return value


@pytest.mark.parametrize("in_lists", [False, True])
def test_the_levels_are_counted_in_lists_and_mappings(*, in_lists: bool) -> None:
    assert not is_too_deep(nested(MAX_LEVELS, in_lists=in_lists))
    assert is_too_deep(nested(MAX_LEVELS + 1, in_lists=in_lists))


def test_no_depth_is_too_much_to_be_told() -> None:
    assert is_too_deep(nested(100_000))


@pytest.mark.parametrize("value", [None, 1, "text" * 1000, {}, [], ([],), {"a": [{}, "b"]}])
def test_what_is_flat_is_not_too_deep(value: Any) -> None:
    assert not is_too_deep(value)
