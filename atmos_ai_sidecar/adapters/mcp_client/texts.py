"""Texts of others, without what a terminal obeys or hides."""

import re
import unicodedata

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def plain(text: str) -> str:
    """The text without escape sequences, control and invisible characters, but with line feeds and tabs."""
    return "".join(
        char for char in _ESCAPE.sub("", text) if char in "\n\t" or unicodedata.category(char) not in _HIDDEN
    )
