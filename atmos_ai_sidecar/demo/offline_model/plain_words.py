"""Brings what people type to the words that the rules know: slips of the finger mended, German put into English. Pure.

Quotes, paths, numbers, names with signs in them, and the value of an edit are never touched.
"""

import re
from collections.abc import Iterator

LONG_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    stacks components component describe compare difference differences different depends dependents affected
    validate database storefront replicas search production staging development project report overview terraform
    restore revert summarize environments between change changes memory network version files deployed which instance
        """,
    )
)
"""Words that are recognised with one wrong, missing or additional letter, or two of them swapped."""
SHORT_WORDS = frozenset(re.findall(r"\w+", "stack plan show list what which have undo there open find read edit file"))
"""Words that are recognised with a letter left out or two swapped, so that no other word is taken for one of them."""
SHORT_IS = 3
"""A word below this many letters is never a slip."""

GERMAN = {
    "zeig": "show", "zeige": "show", "mir": "me", "alle": "all", "welche": "which", "welches": "which",
    "welcher": "which", "gibt": "are", "es": "there", "komponente": "component", "komponenten": "components",
    "umgebungen": "environments", "datenbank": "database", "datenbanken": "database", "netz": "network",
    "netzwerk": "network", "vergleich": "compare", "vergleiche": "compare", "vergleichen": "compare",
    "zwischen": "between", "und": "and", "oder": "or", "suche": "search", "such": "search", "finde": "find",
    "wo": "where",
    "ist": "is", "sind": "are", "gesetzt": "set", "definiert": "defined", "steht": "is", "setze": "set", "setz": "set",
    "ändere": "change", "erhöhe": "increase", "auf": "to", "von": "of", "vom": "of the", "im": "in the",
    "rückgängig": "undo", "zurück": "undo", "bericht": "report", "überblick": "overview", "übersicht": "overview",
    "projekt": "project", "über": "about", "das": "the", "der": "the", "die": "the", "den": "the", "dem": "the",
    "des": "the", "ein": "a", "eine": "a", "einen": "a", "was": "what", "wie": "how", "viele": "many", "groß": "big",
    "hängt": "depends", "hängen": "depends", "abhängig": "depends", "abhängigkeiten": "dependents", "ab": "on",
    "betroffen": "affected", "gegenüber": "against", "verglichen": "compared", "nach": "for", "mit": "with",
    "lies": "read", "lese": "read", "öffne": "open", "datei": "file", "dateien": "files", "liste": "list",
    "prüfe": "validate", "prüf": "validate", "validiere": "validate", "gültig": "valid", "plane": "plan",
    "planen": "plan", "jetzt": "now", "bitte": "please", "mach": "make", "mache": "make", "für": "for",
    "beschreibe": "describe", "beschreib": "describe", "erkläre": "explain", "schreib": "write", "schreibe": "write",
    "unterschied": "difference", "unterschiede": "differences", "läuft": "runs", "hat": "has", "haben": "have",
    "nochmal": "again", "auch": "also", "wer": "who", "benutzt": "uses", "nutzt": "uses", "braucht": "needs",
    "mein": "my", "meine": "my", "meinen": "my", "hilfe": "help", "ganze": "whole", "ganzen": "whole",
    "wert": "value", "einstellungen": "settings", "produktion": "production", "entwicklung": "development",
}  # fmt: skip
SAME_IN_ENGLISH = frozenset(("was", "die", "des", "den", "es", "hat", "im", "ab", "mir", "wo", "plane", "such", "auf"))
"""German words that alone do not make a line German."""

_KEPT = re.compile(r"`[^`\n]*`|\"[^\"\n]*\"|(?<!\w)'[^'\n]+'|\S*[\w)][-_./:@=\d]\S*|[=:]\s*\S+")
_VALUE = re.compile(r"\b(?:to|into|as|auf)\s+\S+\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def plain(question: str) -> str:
    """Return the question in the words that the rules know; one that has them already comes back as it is."""
    is_german = _is_german(question)
    pieces, end = [], 0
    value = _VALUE.search(question)
    limit = value.start() if value and not is_german else len(question)
    for kept in _KEPT.finditer(question):
        pieces += [_mended(question[end : kept.start()], limit - end, is_german=is_german), kept.group()]
        end = kept.end()
    return "".join((*pieces, _mended(question[end:], limit - end, is_german=is_german)))


def _mended(text: str, limit: int, *, is_german: bool) -> str:
    def instead(match: re.Match[str]) -> str:
        word = match.group()
        if is_german and (german := _folded(word)) in _IN_ENGLISH:
            return _IN_ENGLISH[german]
        return word if match.start() >= limit else _MENDED.get(word.lower(), word)

    return _WORD.sub(instead, text)


def _is_german(question: str) -> bool:
    said = {_folded(word) for word in _WORD.findall(_KEPT.sub(" ", question))}
    return bool(said & (_IN_ENGLISH.keys() - SAME_IN_ENGLISH))


def _folded(word: str) -> str:
    """A German word as it is typed without its own letters."""
    return word.lower().translate(_FOLDED)


_FOLDED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_IN_ENGLISH = {_folded(german): english for german, english in GERMAN.items()}


def _shortened(word: str) -> Iterator[str]:
    """Slips that leave the first letter: one left out, or two swapped."""
    for at in range(1, len(word)):
        yield word[:at] + word[at + 1 :]
        yield word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]


def _varied(word: str) -> Iterator[str]:
    """Slips that leave the first letter: those of a short word, one letter wrong, or one too many."""
    yield from _shortened(word)
    for at in range(1, len(word) + 1):
        yield from (word[:at] + letter + word[at:] for letter in _LETTERS)
        yield from (word[:at] + letter + word[at + 1 :] for letter in _LETTERS)


_ENGLISH = frozenset(
    re.findall(
        r"\w+",
        """
    changed changed chance charge charged changing compared comparing depend dependent differ projects reports searched
    stick stock sticks stocks sacks slacks snacks state states stages pan pant lit lst fid red ready reed
    whit witch sow shoe opened reverse reverts aging staying paging versions networks notwork
    describes described validated validates restored filed fills filing
        """,
    )
)
"""Words of their own that look like slips; and none is taken for one."""
_MENDED = {
    slip: word
    for words, slips in ((LONG_WORDS, _varied), (SHORT_WORDS, _shortened))
    for word in sorted(words)
    for slip in slips(word)
    if len(slip) >= SHORT_IS
    and slip.rstrip("s") != word.rstrip("s")
    and slip not in LONG_WORDS | SHORT_WORDS | _ENGLISH
}
"""What is meant by a slip; an "s" more or less at the end is another form of the word, and none."""
