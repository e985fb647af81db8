"""From what a terminal sends to keys: pastes whole, marked or not, and nothing that was no key.

prompt_toolkit's parser knows the keys. Three things of real terminals it does not: a paste whose end mark never comes
would take every later key with it; a paste that is not marked would send a message for each of its lines; and the
sequence of a key that it does not know would be an Escape, which cancels a turn, followed by text.
"""

import re
from collections.abc import Iterator

from prompt_toolkit.input.ansi_escape_sequences import ANSI_SEQUENCES
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

PASTE_LENGTH = 100
"""Lines that come at once and have more characters than that were not typed."""
STALE_SECONDS = 1.0
"""A paste that has paused for so long was cut off when a single key follows."""
_LONGEST_KEY = 8
_PASTE_BEGIN, _PASTE_END = "\x1b[200~", "\x1b[201~"
_LEAVING = {"\x03", "\x04"}
_SEQUENCE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1bO[ -~]"  # SS3
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC: a terminal's own words
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*)?\Z")
_NEW_LINES = re.compile(r"\x1b\[(?:13;[2-8]u|27;[2-8];13~)\Z")
"""Enter together with Shift, Alt or Control, as terminals write it that can tell them apart."""


class KeyReader:
    """Takes pieces of input, gives keys. A paste is one key, given when all of it is there."""

    def __init__(self) -> None:
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._keys.append)
        self._unfinished = ""
        self._paste: list[str] | None = None
        self._burst: list[str] = []
        self._fed_at = 0.0

    @property
    def is_bursting(self) -> bool:
        """A paste without marks is coming in; ``end_burst`` has to be called when no more of it comes."""
        return bool(self._burst)

    def feed(self, text: str, now: float) -> list[KeyPress]:
        """The keys of a piece of input that came at a time in seconds."""
        is_late, self._fed_at = now - self._fed_at >= STALE_SECONDS, now
        if self._paste is not None and (text in _LEAVING or (is_late and len(text) <= _LONGEST_KEY)):
            self._end_paste()
        if self._burst:
            self._burst.append(text)
        elif self._paste is None and _is_burst(text):
            self._burst = [self._unfinished, text]
            self._unfinished = ""
        else:
            self._take(text)
        return self._taken()

    def end_burst(self) -> list[KeyPress]:
        """The paste that had no marks."""
        pasted, self._burst = "".join(self._burst), []
        self._keys.append(KeyPress(Keys.BracketedPaste, pasted))
        return self._taken()

    def flush(self) -> list[KeyPress]:
        """The keys that could have been the beginning of others."""
        for char in self._unfinished:
            self._parser.feed(char)
        self._unfinished = ""
        self._parser.flush()
        return self._taken()

    def _take(self, text: str) -> None:
        while text:
            if self._paste is not None:
                text = self._take_paste(text)
                continue
            typed, begin, text = (self._unfinished + text).partition(_PASTE_BEGIN)
            self._unfinished = ""
            if begin:
                self._paste = []
            elif cut := _UNFINISHED.search(typed):
                typed, self._unfinished = typed[: cut.start()], typed[cut.start() :]
            for piece in _known(typed):
                self._parser.feed(piece)

    def _take_paste(self, text: str) -> str:
        """Takes what belongs to the paste, and returns what follows it."""
        assert self._paste is not None  # noqa: S101 - asked by the caller
        tail = self._paste.pop() if self._paste else ""
        pasted, end, rest = (tail + text).partition(_PASTE_END)
        self._paste.append(pasted)
        if end:
            self._end_paste()
        elif len(pasted) > 2 * len(_PASTE_END):  # only the end of it can be the beginning of the mark
            self._paste[-1:] = [pasted[: -len(_PASTE_END)], pasted[-len(_PASTE_END) :]]
        return rest

    def _end_paste(self) -> None:
        pasted, self._paste = "".join(self._paste or ()), None
        self._keys.append(KeyPress(Keys.BracketedPaste, pasted))

    def _taken(self) -> list[KeyPress]:
        keys = self._keys[:]
        self._keys.clear()  # the parser holds on to the list
        return keys


def _is_burst(text: str) -> bool:
    """Whether a piece of input is several lines that nobody can have typed since the last one."""
    is_marked = _PASTE_BEGIN in text
    return not is_marked and len(text) > PASTE_LENGTH and bool(re.search(r"[\r\n](?!\Z)", text.removesuffix("\r\n")))


def _known(typed: str) -> Iterator[str]:
    """What was typed without the sequences that are no key of ours."""
    start = 0
    for found in _SEQUENCE.finditer(typed):
        yield typed[start : found.start()]
        start = found.end()
        if _NEW_LINES.match(found[0]):
            yield "\n"
        elif found[0] in ANSI_SEQUENCES:
            yield found[0]
    yield typed[start:]
