"""Search in messages: what a query means, and the piece of a message that answers it.

A message is found when every word of the query begins a word in it, in any case. A store may find it also where the
word stands inside of another one.
"""

from collections.abc import Sequence
from typing import Final

from atmos_ai_sidecar.errors import InvalidFieldError

MAX_QUERY_LENGTH: Final = 400
SNIPPET_LENGTH: Final = 160
_LEAD: Final = 40
"""Characters shown before the first hit."""


def search_terms(query: str) -> Sequence[str]:
    """The words to look for, without case.

    Raises:
        InvalidFieldError: There is no word in it, or it is too long.
    """
    if len(query) > MAX_QUERY_LENGTH:
        raise InvalidFieldError("query", f"has {len(query)} characters, at most {MAX_QUERY_LENGTH} are allowed")
    terms = tuple(word.lower() for word in query.replace("\x00", " ").split() if any(char.isalnum() for char in word))
    if not terms:
        raise InvalidFieldError("query", "must have at least one word")
    return terms


def matches(text: str, terms: Sequence[str]) -> bool:
    """Whether every term stands somewhere in the text, in any case."""
    lowered = text.lower()
    return all(term in lowered for term in terms)


def snippet(text: str, terms: Sequence[str]) -> str:
    """One line of at most ``SNIPPET_LENGTH`` characters around the first term, with dots where something is cut."""
    line = " ".join(text.replace("\x00", " ").split())
    lowered = line.lower()
    places = [place for place in (lowered.find(term) for term in terms) if place >= 0]
    start = max(0, min(places, default=0) - _LEAD)
    end = start + SNIPPET_LENGTH - 2
    return f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}"
