from datetime import UTC, datetime

import pytest

from atmos_ai_sidecar.domain.sessions import MAX_NAME_LENGTH, checked_name, default_name
from atmos_ai_sidecar.errors import InvalidFieldError


@pytest.mark.parametrize("name", ["vpc-refactor", "a b", "Größe", "x" * MAX_NAME_LENGTH, "...", "日本"])
def test_name_that_can_be_typed_and_shown_is_taken_as_it_is(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "  ",
        " a",
        "a ",
        "x" * (MAX_NAME_LENGTH + 1),
        "a/b",
        "a\\b",
        ".",
        "..",
        "a\tb",
        "a\nb",
        "a\x1bb",
        "a\u202eb",
        "a\u200bb",
    ],
)
def test_name_that_hides_something_or_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidFieldError, match="name"):
        checked_name(name)


@pytest.mark.parametrize(("name", "message"), [("..", r"must not be '\.\.'"), ("a/b", "slashes")])
def test_refusal_of_a_name_says_what_is_wrong_with_it(name: str, message: str) -> None:
    with pytest.raises(InvalidFieldError, match=message):
        checked_name(name)


def test_session_without_a_name_is_named_after_its_second() -> None:
    assert default_name(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "session-20260102-030405"
