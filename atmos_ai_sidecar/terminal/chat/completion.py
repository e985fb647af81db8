"""What a word in the draft could become: commands behind a slash, names of the project behind an ``@``."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field

from prompt_toolkit.buffer import Buffer

from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat.live_turn import Row
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible

SHOWN = 6
_MOST = 100
_COMMAND = re.compile(r"/([a-z]*)")
_REFERENCE = re.compile(r"(?:^|\s)@(\S*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Something that can be completed to."""

    text: str
    about: str = ""
    needs_more: bool = False
    """A command that says nothing without an argument."""


@dataclass(slots=True, kw_only=True)
class Words:
    """All that there is."""

    commands: Sequence[Word] = ()
    names: Sequence[Word] = ()
    """Stacks and components."""
    files: Sequence[Word] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    word: Word
    length: int
    """How many characters before the cursor it replaces."""
    is_command: bool = False


def candidates(before_cursor: str, words: Words) -> list[Candidate]:
    """What fits the word before the cursor: what begins with it first, then what has it somewhere."""
    if command := _COMMAND.fullmatch(before_cursor):
        found = _ranked(command[1], words.commands)
        return [Candidate(word=word, length=len(command[1]), is_command=True) for word in found]
    if reference := _REFERENCE.search(before_cursor):
        found = _ranked(reference[1], [*words.names, *words.files])
        return [Candidate(word=word, length=len(reference[1]) + 1) for word in found]
    return []


def _ranked(typed: str, words: Sequence[Word]) -> Sequence[Word]:
    wanted = typed.casefold()

    def matching() -> Iterator[Word]:
        yield from (word for word in words if word.text.casefold().startswith(wanted))
        if wanted:
            yield from (word for word in words if word.text.casefold().find(wanted) > 0)

    return [word for word, _ in zip(matching(), range(_MOST), strict=False)]


@dataclass(slots=True, kw_only=True)
class Completion:
    """The menu of a draft. It opens while one types, and takes nothing but what is chosen."""

    buffer: Buffer
    words: Words
    wants: Callable[[], None]
    """Told when somebody begins a reference, so that the names can be fetched."""
    _found: list[Candidate] = field(default_factory=list)
    _selected: int = 0
    _closed_at: str | None = None

    @property
    def is_open(self) -> bool:
        return bool(self._found)

    def update(self) -> None:
        """Looks at the draft again."""
        before = self.buffer.document.text_before_cursor
        if before != self._closed_at:
            self._closed_at = None
        if _REFERENCE.search(before):
            self.wants()
        found = candidates(before, self.words) if self._closed_at is None else []
        is_done = len(found) == 1 and not found[0].is_command and before.endswith(found[0].word.text)
        self._found = [] if is_done else found
        self._selected = 0

    def narrow(self) -> None:
        """Looks at the draft again if the menu is open; text that comes from the history opens none."""
        if self.is_open:
            self.update()

    def refresh(self) -> None:
        """There are more words now: shows those that fit a reference that is being typed."""
        if _REFERENCE.search(self.buffer.document.text_before_cursor):
            self.update()

    def move(self, by: int) -> None:
        """Selects another one."""
        self._selected = (self._selected + by) % len(self._found)

    def close(self) -> None:
        """Shows nothing until the word is another one."""
        self._closed_at = self.buffer.document.text_before_cursor
        self._found = []

    def accept(self) -> bool:
        """Puts the chosen word into the draft; True when the draft is now a whole command that needs no more."""
        chosen = self._found[self._selected]
        is_whole = chosen.is_command and not chosen.word.needs_more
        has_more = bool(self.buffer.document.text_after_cursor)
        self.buffer.delete_before_cursor(chosen.length)
        self.buffer.insert_text(chosen.word.text + ("" if is_whole or has_more else " "))
        self._found = []
        return is_whole

    def rows(self, width: int) -> list[Row]:
        """The menu, with the selected word in sight."""
        start = max(0, min(self._selected - SHOWN // 2, len(self._found) - SHOWN))
        shown = self._found[start : start + SHOWN]
        names = [f"  {'/' if each.is_command else ''}{visible(each.word.text)}" for each in shown]
        longest = max(map(columns, names), default=0)
        rows: list[Row] = []
        for number, (candidate, text) in enumerate(zip(shown, names, strict=True), start):
            name = cut(text + " " * (longest - columns(text)), width)
            about = cut(f"  {candidate.word.about}", width - columns(name)) if candidate.word.about else ""
            style = "class:chosen" if number == self._selected else "class:dim"
            rows.append([(style, name), ("class:dim", about)])
        return rows
