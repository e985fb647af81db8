"""Patterns for commands: compared word by word, after the shell's quoting is gone.

A `*` that stands alone is any number of words, also none, so `terraform apply *` is `terraform apply` too and never
`terraform applyx`. Within a word the wildcards are those of fnmatch.
"""

import fnmatch
import re
from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache

from atmos_ai_sidecar.lazy_dataclasses import dataclass

Words = Sequence[str | None]
"""The words of a command; None where one is not known before it runs, and may then be any number of words."""

ANY_WORDS = "*"


class Match(IntEnum):
    """Whether something holds for a call, as far as the call tells."""

    NO = 0
    MAYBE = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class WordPattern:
    text: str

    @property
    def first_word(self) -> str:
        """The word that every match begins with; empty when that may be more than one."""
        first = self.text.split()[0]
        return "" if any(sign in first for sign in "*?[") else first

    def match(self, words: Words) -> Match:
        """Whether the words of a command fit. Takes time in proportion to words and pattern."""
        parts = _compiled(self.text)
        positions = _reached({0}, parts)
        for word in words:
            if word is None:
                return _maybe(positions, parts)
            positions = _reached(_step(positions, parts, word), parts)
            if not positions:
                return Match.NO
        return Match.YES if len(parts) in positions else Match.NO


def _step(positions: set[int], parts: "_Parts", word: str) -> set[int]:
    found = set()
    for position in positions:
        if position == len(parts):
            continue
        part = parts[position]
        if part is None:
            found.add(position)
        elif part.match(word):
            found.add(position + 1)
    return found


def _reached(positions: set[int], parts: "_Parts") -> set[int]:
    """The positions with those behind any number of words."""
    found = set(positions)
    for position in positions:
        following = position
        while following < len(parts) and parts[following] is None:
            following += 1
            found.add(following)
    return found


def _maybe(positions: set[int], parts: "_Parts") -> Match:
    """What is known when the rest of the words is not: it fits where the pattern takes any."""
    takes_any = len(parts) in positions and parts[-1] is None
    return Match.YES if takes_any else Match.MAYBE


_Parts = Sequence[re.Pattern[str] | None]
"""The words of a pattern; None is any number of words."""


@lru_cache(maxsize=4096)
def _compiled(text: str) -> _Parts:
    return tuple(None if word == ANY_WORDS else re.compile(fnmatch.translate(word)) for word in text.split())
