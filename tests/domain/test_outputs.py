from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.outputs import cap, plain


def test_short_output_stays_as_it_is() -> None:
    assert cap("x" * 30_000) == ("x" * 30_000, False)


def test_of_long_output_head_and_tail_stay_with_a_marker_that_counts() -> None:
    text = "\n".join(f"line {number}" for number in range(10_000))
    capped, is_cut = cap(text)
    assert is_cut
    head, _, rest = capped.partition("\n[… ")
    marker, _, tail = rest.partition(" characters left out …]\n")
    assert text.startswith(head + "\n")
    assert text.endswith("\n" + tail)
    assert len(head) + len(tail) + int(marker.replace(",", "")) == len(text)


def test_output_without_line_ends_is_cut_anywhere() -> None:
    capped, is_cut = cap("x" * 100, 30)
    assert is_cut
    assert capped == "x" * 20 + "\n[… 70 characters left out …]\n" + "x" * 10


@given(st.text(), st.integers(min_value=3, max_value=50))
def test_capped_output_is_never_longer_than_the_limit_and_its_marker(text: str, limit: int) -> None:
    capped, is_cut = cap(text, limit)
    assert len(capped) <= limit + 60
    assert is_cut is (len(text) > limit)


def test_plain_text_has_no_colours_links_titles_or_other_control_characters() -> None:
    text = "\x1b[1m\x1b[31mred\x1b[0m \x1b]8;;https://x\x1b\\link\x1b]8;;\x07 \x1b]0;title\x07end\x1b(B\a\x00\x7f\x9b"
    assert plain(text) == "red link end"


def test_plain_text_ends_its_lines_with_a_line_feed_and_keeps_tabs() -> None:
    assert plain("a\r\nb\rc\td\n") == "a\nb\nc\td\n"
