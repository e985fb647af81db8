"""A list of sessions to choose from: filtered as one types, with a look into the one that is selected."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import Enum

from prompt_toolkit.buffer import Buffer

from atmos_ai_sidecar.domain.questions import columns, sanitised
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat.live_turn import Row
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.tables import age

PREVIEW_ROWS = 5
_MOST = (24, 14, 14, 12, 18)
"""Columns for name, age, messages, cost and model; the first line gets what is left."""
_LEGEND = "Enter goes on · Ctrl-R renames, Ctrl-X deletes, Ctrl-T cleans · Esc closes"
_EMPTY = "There are no other sessions. /new NAME starts one; `atmos-ai chat --session NAME` comes back to it."


class PickerMode(Enum):
    """What the input line is for."""

    FILTER = "filter"
    RENAME = "new name"
    DELETE = "delete"
    CLEAN = "delete those that did not change for (12h, 30d, 2w, 6m)"
    CLEAN_SURE = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDetails:
    """What is not in the list of the store."""

    first_line: str
    cost: str
    last_lines: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PickerActions:
    """What a key in the list leads to."""

    go_on: Callable[[Session], None]
    rename: Callable[[Session, str], None]
    delete: Callable[[Session], None]
    count_old: Callable[[str], None]
    """Gets an age as it was typed; ``confirm_cleaning`` is the answer."""
    clean: Callable[[str], None]
    look: Callable[[], None]
    """Other sessions are in sight; details of them are wanted."""


@dataclass(slots=True, kw_only=True)
class SessionPicker:
    actions: PickerActions
    input: Buffer = field(default_factory=lambda: Buffer(multiline=False))
    on_change: Callable[[], None] = lambda: None
    """Told when the list opens and closes."""
    is_open: bool = False
    details: dict[SessionId, SessionDetails] = field(default_factory=dict)
    _mode: PickerMode = PickerMode.FILTER
    _sessions: Sequence[Session] = ()
    _current: SessionId | None = None
    _selected: int = 0
    _now: datetime | None = None
    _note: str = ""
    _age: str = ""

    def __post_init__(self) -> None:
        self.input.on_text_changed += lambda _buffer: self._filter_changed()

    def show(self, sessions: Sequence[Session], *, current: SessionId, now: datetime) -> None:
        """Opens the list, or shows what it has become; the newest comes first."""
        self._sessions, self._current, self._now = sessions, current, now
        self._selected = max(0, min(self._selected, len(self.found) - 1))
        self.is_open = True
        self.on_change()
        self.actions.look()

    def close(self) -> None:
        self.is_open, self._selected, self._note = False, 0, ""
        self._switch(PickerMode.FILTER)
        self.on_change()

    def say(self, note: str) -> None:
        """Shows a few words in place of the keys."""
        self._note = note

    def confirm_cleaning(self, text: str, names: Sequence[str]) -> None:
        """Asks whether the sessions of these names shall go."""
        if not names:
            self._switch(PickerMode.FILTER)
            self.say(f"No session is older than {text}.")
            return
        self._age = text
        self._switch(PickerMode.CLEAN_SURE)
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004 - a line's worth
        self.say(f"Delete {len(names)} session{'' if len(names) == 1 else 's'}: {sanitised(shown)}?")

    @property
    def found(self) -> Sequence[Session]:
        """The sessions that have every word of the filter in their name, model or first line."""
        words = self.input.text.casefold().split() if self._mode is PickerMode.FILTER else []
        return [session for session in self._sessions if all(word in self._searched(session) for word in words)]

    @property
    def selected(self) -> Session | None:
        found = self.found
        return found[min(self._selected, len(found) - 1)] if found else None

    @property
    def in_sight(self) -> Sequence[Session]:
        """The sessions around the selected one."""
        return self.found[max(0, self._selected - 10) : self._selected + 20]

    @property
    def prompt(self) -> str:
        """What stands before the input."""
        if self._mode is PickerMode.DELETE and self.selected is not None:
            return cut(f"delete {sanitised(self.selected.name, limit=60)}? y/n", 60)
        return "y/n" if self._mode is PickerMode.CLEAN_SURE else self._mode.value

    @property
    def wants_yes(self) -> bool:
        """A letter answers at once."""
        return self._mode in {PickerMode.DELETE, PickerMode.CLEAN_SURE}

    # Keys.

    def move(self, by: int) -> None:
        self._selected = max(0, min(self._selected + by, len(self.found) - 1))
        self._note = ""
        self.actions.look()

    def begin(self, mode: PickerMode) -> None:
        """Asks for what renaming, deleting or cleaning needs."""
        session = self.selected
        if session is None or self._mode is not PickerMode.FILTER:
            return
        if mode is PickerMode.DELETE and session.id == self._current:
            self.say("You are in this session; go on with another one first.")
            return
        self._kept_selection(session)
        self._switch(mode)
        if mode is PickerMode.RENAME:
            self.input.insert_text(session.name)

    def enter(self) -> None:
        """Does what the input is for."""
        session, text = self.selected, self.input.text.strip()
        match self._mode:
            case PickerMode.FILTER if session is not None:
                self.close()
                self.actions.go_on(session)
            case PickerMode.RENAME if session is not None and text:
                self._switch(PickerMode.FILTER)
                self.actions.rename(session, text)
            case PickerMode.CLEAN if text:
                self.actions.count_old(text)

    def answer(self, key: str) -> None:
        """Takes the letter that confirms; any other one takes the wish back."""
        session, mode = self.selected, self._mode
        self._switch(PickerMode.FILTER)
        if key.lower() != "y":
            return
        if mode is PickerMode.CLEAN_SURE:
            self.actions.clean(self._age)
        elif session is not None:
            self.actions.delete(session)

    def step_back(self) -> None:
        """Leaves what was begun, else the list."""
        if self._mode is PickerMode.FILTER:
            self.close()
        else:
            self._switch(PickerMode.FILTER)

    # Looks.

    def rows(self, width: int, limit: int) -> list[Row]:
        """The list, a preview and the keys, in at most ``limit`` rows."""
        found = self.found
        legend: Row = [("class:warning" if self._note else "class:dim", cut(self._note or _LEGEND, width))]
        title: Row = [("class:question", cut(f"Sessions ({len(found)} of {len(self._sessions)})", width))]
        if not any(session.message_count or session.id != self._current for session in self._sessions):
            return [title, [("class:dim", cut(_EMPTY, width))], legend][: max(limit, 0)]
        preview = self._preview(width) if limit > PREVIEW_ROWS * 2 else []
        room = max(1, limit - 2 - len(preview))
        start = max(0, min(self._selected - room // 2, len(found) - room))
        shown = found[start : start + room]
        widths = [min(max(map(columns, cells)), most) for cells, most in zip(self._columns(shown), _MOST, strict=True)]
        listed = [self._row(session, number, widths, width) for number, session in enumerate(shown, start)]
        return [title, *listed, *preview, legend][: max(limit, 0)]

    def _columns(self, shown: Sequence[Session]) -> Iterable[Sequence[str]]:
        return zip(*map(self._cells, shown), strict=True) if shown else [("",)] * len(_MOST)

    def _row(self, session: Session, number: int, widths: Sequence[int], width: int) -> Row:
        mark = ">" if number == self._selected else "*" if session.id == self._current else " "
        cells = zip(self._cells(session), widths, strict=True)
        shown = cut(f"{mark} " + "  ".join(_cell(cell, room) for cell, room in cells), width)
        details = self.details.get(session.id)
        first = f"  {details.first_line}" if details else ""
        style = "class:chosen" if number == self._selected else ""
        return [(style, shown), ("class:dim", cut(first, width - columns(shown)))]

    def _cells(self, session: Session) -> Sequence[str]:
        details, count = self.details.get(session.id), session.message_count
        return (
            sanitised(session.name),
            age(self._now, session.update_time) if self._now else "",
            f"{count} message{'' if count == 1 else 's'}",
            details.cost if details else "",
            sanitised(session.model),
        )

    def _preview(self, width: int) -> list[Row]:
        details = self.details.get(self.selected.id) if self.selected else None
        lines = details.last_lines[-PREVIEW_ROWS + 1 :] if details else ()
        return [[("class:dim", "─" * min(width, 40))], *([("class:dim", cut(f"  {line}", width))] for line in lines)]

    def _searched(self, session: Session) -> str:
        details: Mapping[SessionId, SessionDetails] = self.details
        first = details[session.id].first_line if session.id in details else ""
        return f"{session.name} {session.model} {first}".casefold()

    def _filter_changed(self) -> None:
        if self.is_open and self._mode is PickerMode.FILTER:
            self._selected, self._note = 0, ""
            self.actions.look()

    def _kept_selection(self, session: Session) -> None:
        """Without the filter the selected session stands elsewhere."""
        self._selected = [each.id for each in self._sessions].index(session.id)

    def _switch(self, mode: PickerMode) -> None:
        self._mode = mode
        selected = self._selected
        self.input.reset()
        self._selected, self._note = selected, ""


def _cell(text: str, room: int) -> str:
    shown = cut(text, room)
    return shown + " " * (room - columns(shown))
