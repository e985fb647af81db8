import pytest

from atmos_ai_sidecar.domain.search import SNIPPET_LENGTH, matches, search_terms, snippet
from atmos_ai_sidecar.errors import InvalidFieldError


def test_a_query_is_words_without_case() -> None:
    assert search_terms("  Große VPC\tue1-prod\x00x ") == ("große", "vpc", "ue1-prod", "x")


@pytest.mark.parametrize("query", ["", "  ", "-- %", "x" * 401])
def test_a_query_without_a_word_or_too_long_is_refused(query: str) -> None:
    with pytest.raises(InvalidFieldError, match="query"):
        search_terms(query)


def test_every_term_must_be_in_the_text() -> None:
    assert matches("The VPC and its Subnets", ("vpc", "subnet"))
    assert not matches("The VPC", ("vpc", "subnet"))


def test_a_snippet_is_one_line_around_the_first_term() -> None:
    assert snippet("a\n b\x00c", ("b",)) == "a b c"
    text = f"{'x ' * 200}the vpc{' y' * 200}"
    shown = snippet(text, ("vpc",))
    assert "the vpc" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) <= SNIPPET_LENGTH
    assert snippet("z" * 1000, ("nowhere",)) == "z" * (SNIPPET_LENGTH - 2) + "…"
