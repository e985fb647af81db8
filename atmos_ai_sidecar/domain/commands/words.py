"""Words of a command line, decoded as bash does.

The decoder reads the text of a word again and does not lean on the parser, so that both have to agree before a word
counts as known. Whatever bash would replace or compute at run time makes a word unknown. Source of the rules: the
sections "Quoting" and "Shell Expansions" of the bash manual (5.2).
"""

import re
import unicodedata

from atmos_ai_sidecar.lazy_dataclasses import dataclass

EXPANSION = "an expansion, whose value is not known before it runs"
SUBSTITUTION = "a command substitution"
PATTERN = "a file name pattern or a brace expansion"
CONTINUATION = "a line continuation inside a word"
ESCAPE = "an escape that shells read in different ways"
STRAY = "a word that bash would read differently"


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A decoded word."""

    value: str | None
    """What the program gets; None when it cannot be known."""
    doubt: str = ""
    """Why it cannot be known; empty when it is."""


class _Unknown(Exception):  # noqa: N818 - control flow inside this module, never seen outside
    """Ends the decoding of a word."""


_PIECE = re.compile(
    r"""
      '(?P<raw>[^']*)'
    | \$'(?P<ansi>(?:[^'\\]|\\.)*)'
    | "(?P<quoted>(?:[^"\\]|\\.)*)"
    | \\(?P<escaped>.)
    | (?P<plain>[^\s'"\\$`|&;()<>]+)
    | (?P<dollar>\$)(?![A-Za-z0-9_{(\[@*\#?$!"'-])
    """,
    re.VERBOSE | re.DOTALL,
)
_SPECIAL_IN_QUOTES = re.compile(r"`|\$[A-Za-z0-9_{(\[@*#?$!-]")
_QUOTED_ESCAPE = re.compile(r"\\([$`\"\\\n])")
_ANSI_ESCAPE = re.compile(
    r"\\(?:(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u(?P<u>[0-9A-Fa-f]{1,4})|U(?P<U>[0-9A-Fa-f]{1,8})|(?P<char>.))",
    re.DOTALL,
)
_ANSI_CHARACTERS = {
    "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "?": "?",
}  # fmt: skip
_BRACE = re.compile(r"\{.*(?:,|\.\.)", re.DOTALL)
_TILDE = re.compile(r"[=:]~|^~[^/]")
"""Other than the home folder at the start of a word: of other users, of other folders, in assignments."""
_BRACKET = re.compile(r"\[.*\]", re.DOTALL)
_ASCII = 0x80
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def decode(text: str) -> Word:
    """What a program would get for this word of a command line."""
    values: list[str] = []
    unquoted: list[str] = []
    position = 0
    try:
        while position < len(text):
            piece = _PIECE.match(text, position)
            if piece is None:
                return Word(value=None, doubt=_doubt_at(text, position))
            values.append(_value(piece))
            unquoted.append(values[-1] if piece["plain"] is not None else "\0")
            position = piece.end()
    except _Unknown as unknown:
        return Word(value=None, doubt=str(unknown))
    bare = "".join(unquoted)
    if "*" in bare or "?" in bare or _BRACKET.search(bare) or _BRACE.search(bare):
        return Word(value=None, doubt=PATTERN)
    if _TILDE.search(bare):
        return Word(value=None, doubt=EXPANSION)
    return Word(value="".join(values))


def _doubt_at(text: str, position: int) -> str:
    rest = text[position:]
    if rest.startswith(("`", "$(")):
        return SUBSTITUTION
    return EXPANSION if rest.startswith("$") else STRAY


def _value(piece: re.Match[str]) -> str:
    if (quoted := piece["quoted"]) is not None:
        return _quoted(quoted)
    if (ansi := piece["ansi"]) is not None:
        return _ANSI_ESCAPE.sub(_ansi, ansi)
    if (escaped := piece["escaped"]) is not None:
        if escaped == "\n":
            raise _Unknown(CONTINUATION)
        return escaped
    return piece["raw"] or piece["plain"] or piece["dollar"] or ""


def _quoted(text: str) -> str:
    without_escapes = _QUOTED_ESCAPE.sub("", text)
    if special := _SPECIAL_IN_QUOTES.search(without_escapes):
        raise _Unknown(SUBSTITUTION if special[0] in {"`", "$("} else EXPANSION)
    if "\\\n" in text:
        raise _Unknown(CONTINUATION)
    return _QUOTED_ESCAPE.sub(r"\1", text)


def _ansi(escape: re.Match[str]) -> str:
    digits = escape["hex"] or escape["u"] or escape["U"]
    if escape["char"] is not None:
        character = _ANSI_CHARACTERS.get(escape["char"])
        if character is None:
            raise _Unknown(ESCAPE)
        return character
    number = int(digits, 16) if digits else int(escape["octal"], 8)
    # NUL ends the word early, and bytes above ASCII depend on the locale.
    if not 0 < number < _ASCII:
        raise _Unknown(ESCAPE)
    return chr(number)


def has_hidden_characters(text: str) -> bool:
    """Whether the text holds control, format or unusual blank characters, which people do not see."""
    unusual = {character for character in text if not " " <= character <= "~"} - {"\t", "\n"}
    return any(unicodedata.category(character) in _HIDDEN for character in unusual)
