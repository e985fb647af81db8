"""Questions above the composer that are answered with one key.

A key counts only when a person can have read the question: it is alone in its piece of input, and nothing was
pressed for 300 ms before it. Whoever is typing when a question comes up answers nothing by accident.
"""

import re
from collections.abc import Callable, Sequence

from prompt_toolkit.buffer import Buffer

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.line_reader import REACTION_SECONDS
from atmos_ai_sidecar.terminal.render.cards import cut, folded
from atmos_ai_sidecar.terminal.render.question_rows import NARROW_COLUMNS, question_rows

MOST_KEY_ROWS, ROOMY_ROWS = 3, 16
WHOLE_KEY = "v"
_QUOTED = re.compile(r" +\| ([+@-])")
_DIFF_STYLES = {"+": "class:added", "-": "class:removed", "@": "class:dim"}
Row = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    id: str
    key: str
    label: str
    preview: str = ""
    """What would be remembered."""
    takes_reason: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelQuestion:
    id: str
    title: str
    lines: Sequence[str]
    choices: Sequence[Choice]
    is_labelled: bool = False
    """The lines are those of a permission request."""
    answer: Callable[[Choice, str], None]
    """Gets the choice and the reason that was typed."""
    whole: str = ""
    """All of what the lines show in part; empty when they show everything."""

    def body(self, columns: int) -> list[str]:
        """The lines in rows that fit."""
        if self.is_labelled:
            return question_rows(self.lines, columns)
        return [row for line in self.lines for row in folded(line, columns)]


class ApprovalPanel:
    """The questions that wait, one of which is shown."""

    def __init__(
        self, clock: Clock, *, on_change: Callable[[], None], show_whole: Callable[[PanelQuestion], None]
    ) -> None:
        self._clock = clock
        self._questions: list[PanelQuestion] = []
        self._selected = 0
        self._guarded_until = 0.0
        self._refusal: Choice | None = None
        self._on_change = on_change
        self._show_whole = show_whole
        self.reason = Buffer(multiline=False)
        self.is_cut = False
        """The rows that were made last had no room for the whole question."""

    @property
    def count(self) -> int:
        return len(self._questions)

    @property
    def is_asking(self) -> bool:
        """Keys belong to the question."""
        return bool(self._questions) and self._refusal is None

    @property
    def is_reasoning(self) -> bool:
        """The user may say why not."""
        return self._refusal is not None

    @property
    def current(self) -> PanelQuestion | None:
        return self._questions[self._selected] if self._questions else None

    @property
    def was_just_answered(self) -> bool:
        """An Enter that follows the letter out of habit must not send the draft."""
        return self._clock.monotonic() < self._guarded_until

    def typed(self) -> None:
        """Takes note that the draft was edited after the answer: the next Enter means the draft."""
        if not self._questions:
            self._guarded_until = 0.0

    def ask(self, question: PanelQuestion) -> None:
        self._questions.append(question)
        if len(self._questions) == 1:
            self._guard()

    def remove(self, question_id: str) -> None:
        """Takes a question away that needs no answer any more."""
        shown = self.current
        if shown is None or all(question.id != question_id for question in self._questions):
            return
        self._questions = [question for question in self._questions if question.id != question_id]
        if shown.id == question_id:
            self._selected, self._refusal = 0, None
            self.reason.reset()
            self._guard()
            self._on_change()
        else:
            self._selected = self._questions.index(shown)

    def remove_all(self) -> None:
        """Takes every question away: nobody waits for an answer any more."""
        for question in tuple(self._questions):
            self.remove(question.id)

    def knows(self, key: str) -> bool:
        """Whether the key would answer the question that is shown, or choose another one."""
        return self.current is not None and (self._is_number(key) or _choice(self.current, key) is not None)

    def press(self, key: str, *, is_alone: bool) -> bool:
        """Takes a key; False when it came too early to be an answer.

        Args:
            key: The character.
            is_alone: No other key came with it, as in a paste.
        """
        question = self.current
        if question is None:
            return False
        if not is_alone or self._clock.monotonic() < self._guarded_until:
            self._guard()
            return False
        if self._is_number(key):
            self._selected = int(key) - 1
            self._guard()
            return True
        if key == WHOLE_KEY and question.whole:
            self._show_whole(question)
            return True
        choice = _choice(question, key)
        if choice is not None and choice.takes_reason:
            self._refusal = choice
            self._on_change()
        elif choice is not None:
            self._finish(question, choice, "")
        return True

    def give_reason(self) -> None:
        """Refuses with what was typed."""
        question, choice, text = self.current, self._refusal, self.reason.text.strip()
        if question is not None and choice is not None:
            self._finish(question, choice, text)

    def take_back(self) -> None:
        """Goes back to the question."""
        self._refusal = None
        self.reason.reset()
        self._guard()
        self._on_change()

    def rows(self, columns: int, limit: int) -> list[Row]:
        """The question and its keys; a question that does not fit is cut, its keys never."""
        question = self.current
        if question is None:
            return []
        title = question.title
        if self.count > 1:
            title = f"Question {self._selected + 1} of {self.count} (1-{self.count} chooses): {title}"
        most = MOST_KEY_ROWS if limit >= ROOMY_ROWS else 1
        keys = [] if self.is_reasoning else self._keys(question, columns, most)
        body = question.body(columns)
        room = limit - len(keys) - 1
        self.is_cut = len(body) > room
        if self.is_cut:
            hidden = len(body) - max(room - 1, 0)
            body = [*body[: max(room - 1, 0)], cut(f"… {hidden} more lines above", columns)][: max(room, 0)]
        head: Row = [("class:question", cut(title, columns))]
        return [*([head] if room >= 0 else []), *([(_style(line), line)] for line in body), *keys]

    def _keys(self, question: PanelQuestion, columns: int, most: int) -> list[Row]:
        rows: list[Row] = []
        for choice in question.choices:
            text = f" {choice.label}" + (f": {choice.preview}" if choice.preview else "")
            room = columns - 3
            pieces = folded(text, room, then="") if columns >= NARROW_COLUMNS else [text]
            hidden = pieces[most:]  # the question itself says what would be remembered
            first, *more = [*pieces[: most - 1], cut("".join(pieces[most - 1 :]), room)] if hidden else pieces
            first = cut(first, room)
            rows.append([("class:key", f" {choice.key} "), ("", first)])
            rows += [[("", f"    {line}")] for line in more]
        if question.whole:
            words = f" See all of it: {len(question.whole)} characters"
            rows.append([("class:key", f" {WHOLE_KEY} "), ("", cut(words, columns - 3))])
        return rows

    def _is_number(self, key: str) -> bool:
        return key.isdecimal() and 0 < int(key) <= self.count

    def _finish(self, question: PanelQuestion, choice: Choice, reason: str) -> None:
        self.remove(question.id)
        question.answer(choice, reason)

    def _guard(self) -> None:
        self._guarded_until = self._clock.monotonic() + REACTION_SECONDS


def _choice(question: PanelQuestion, key: str) -> Choice | None:
    return next((choice for choice in question.choices if choice.key == key.lower()), None)


def _style(line: str) -> str:
    """The colour of a question's line: those of a difference are told apart."""
    quoted = _QUOTED.match(line)
    return _DIFF_STYLES[quoted[1]] if quoted else ""
