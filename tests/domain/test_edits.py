import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.edits import counts, edited, unified_diff
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError

TEXT = "vars:\n  replicas: 2\n  image: web\nother:\n  replicas: 2\n"


def refused(text: str, old: str, new: str = "x") -> str:
    with pytest.raises(ToolExecutionFailedError) as caught:
        edited(text, old, new, path="a.yaml")
    return str(caught.value)


def test_the_one_place_is_replaced() -> None:
    assert edited(TEXT, "image: web", "image: api", path="a.yaml") == TEXT.replace("web", "api")


def test_a_text_that_is_there_twice_is_refused_with_its_lines() -> None:
    told = refused(TEXT, "replicas: 2")
    assert "2 times in a.yaml, in lines 2, 5" in told
    assert "Nothing was changed." in told


def test_overlapping_places_are_two_places() -> None:
    assert "2 times" in refused("aaa", "aa")


def test_very_many_places_are_counted_to_a_limit() -> None:
    assert "more than 100 times in a.yaml, in lines 1, 1, 1, 1, 1 and 96 more" in refused("a" * 1_000_000, "a")


def test_a_text_that_is_not_there_is_refused_with_the_nearest_line() -> None:
    assert "The nearest line is 'replicas: 2'." in refused(TEXT, "replicas: 3")
    assert "The old text is not in a.yaml. Nothing was changed." in refused(TEXT, "zzzzzzz")


def test_a_text_with_other_white_space_is_refused_with_its_lines() -> None:
    assert "Its first line is in lines 2, 5, with other white space" in refused(TEXT, "replicas: 2\n    image: web")


@pytest.mark.parametrize(("old", "new", "field"), [("", "x", "old"), ("vars", "vars", "new")])
def test_an_edit_that_says_nothing_is_refused(old: str, new: str, field: str) -> None:
    with pytest.raises(InvalidFieldError, match=f"^{field}"):
        edited(TEXT, old, new, path="a.yaml")


def test_line_ends_of_the_file_are_kept() -> None:
    assert edited("a\r\nb\r\nc\r\n", "a\nb", "a\nx\nb", path="a") == "a\r\nx\r\nb\r\nc\r\n"
    assert edited("a\r\nb\nc\n", "b\nc", "b\nd", path="a") == "a\r\nb\nd\n"


def test_a_diff_has_the_changed_lines_and_three_around_them() -> None:
    before = "".join(f"line {number}\n" for number in range(1, 21))
    diff = unified_diff(before, before.replace("line 10\n", "line ten\n"))
    assert diff.splitlines() == [
        "@@ -7,7 +7,7 @@", " line 7", " line 8", " line 9", "-line 10", "+line ten", " line 11", " line 12", " line 13"
    ]  # fmt: skip
    assert counts(diff) == (1, 1)


def test_a_new_file_is_all_added() -> None:
    assert unified_diff("", "a\nb\n") == "@@ -0,0 +1,2 @@\n+a\n+b"


def test_a_missing_line_end_is_shown() -> None:
    assert unified_diff("a\n", "a") == "@@ -1 +1 @@\n-a\n+a\n\\ no line end"


def test_a_small_edit_of_a_large_file_is_still_compared_line_by_line() -> None:
    before = "".join(f"line {number}\n" for number in range(200_000))
    assert counts(unified_diff(before, before.replace("line 100000\n", "x\n"))) == (1, 1)


def test_too_many_different_lines_are_shown_as_removed_and_added() -> None:
    diff = unified_diff("a\n" * 6000, "b\n" * 6000)
    assert counts(diff) == (6000, 6000)
    assert diff.startswith("@@ -1,6000 +1,6000 @@\n-a\n")


@given(st.text("ab\n\r ", max_size=60), st.text("ab\n\r ", max_size=60))
def test_a_diff_is_empty_only_for_equal_texts(before: str, after: str) -> None:
    assert (unified_diff(before, after) == "") is (before == after)
