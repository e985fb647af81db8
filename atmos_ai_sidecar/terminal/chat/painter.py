"""Pieces of a conversation as lines for the scrollback."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.terminal.chat.live_turn import Expanded, Note, Piece, Said
from atmos_ai_sidecar.terminal.chat.transcript import AssistantSaid, Entry, ToolRan, UserSaid
from atmos_ai_sidecar.terminal.render.cards import card, folded, is_cause_cut
from atmos_ai_sidecar.terminal.render.outputs import below_card, expanded
from atmos_ai_sidecar.terminal.render.palette import Palette, visible

if TYPE_CHECKING:
    from atmos_ai_sidecar.terminal.render.typesetter import Typesetter

_COLORS = re.compile("\x1b\\[[0-9;]*m")
_RESET = "\x1b[0m"
_INDENT = "  "
_SHOWN_LINES = 40
"""Of a message of the user: more was pasted, and is known."""


class Painter:
    """Sets pieces for one terminal; a blank line stands between two of them, but not between tool cards."""

    def __init__(self, palette: Palette, *, width: int) -> None:
        self._palette = palette
        self._width = width
        self._last: type | None = None
        self._typesetter: Typesetter | None = None
        self.is_prepared = False

    @property
    def typesetter(self) -> "Typesetter":
        """What sets Markdown and code; the first use, which ``prepare`` may be, imports Rich."""
        if self._typesetter is None:
            from atmos_ai_sidecar.terminal.render.typesetter import Typesetter  # noqa: PLC0415

            self._typesetter = Typesetter(columns=self._width, has_colors=self._palette.enabled)
        return self._typesetter

    def prepare(self) -> None:
        """Imports what takes long. Words of ours and of the user are set without it."""
        import atmos_ai_sidecar.terminal.render.typesetter  # noqa: F401, PLC0415

        self.is_prepared = True

    def resize(self, width: int) -> None:
        if width != self._width:
            self._width, self._typesetter = width, None

    def text(self, pieces: Iterable[Piece | Entry]) -> str:
        """The pieces as whole lines."""
        return "".join(self._separated(piece) for piece in pieces)

    def header(self, lines: Sequence[str]) -> str:
        """Lines that have colours already; one that does not fit keeps its first."""
        self._last = Note
        return "".join(f"{piece}\n" for line in lines for piece in self._fitted(line))

    def _separated(self, piece: Piece | Entry) -> str:
        is_joined = (
            self._last is None
            or (isinstance(piece, ToolRan | Note) and self._last is type(piece))
            or (isinstance(piece, Said) and piece.block.continues)
        )
        self._last = type(piece)
        return ("" if is_joined else "\n") + self._set(piece)

    def _set(self, piece: Piece | Entry) -> str:
        match piece:
            case UserSaid():
                return self._user(piece.text)
            case Said():
                return self.typesetter.text([piece.block])
            case AssistantSaid():
                return self.typesetter.markdown(piece.markdown)
            case ToolRan():
                return self._card(piece)
            case Expanded():
                return self._expanded(piece.ran)
            case Note():
                return self._note(piece)

    def _card(self, ran: ToolRan) -> str:
        head = card(ran.title, ran.result, self._palette, width=self._width)
        is_cut = is_cause_cut(ran.title, ran.result, width=self._width)
        below = below_card(ran.result, ran.language, self._palette, self._code, has_cause=not is_cut)
        return f"{head}\n" + self._indented(below)

    def _expanded(self, ran: ToolRan) -> str:
        title = "".join(f"{row}\n" for row in self._fitted(self._palette.bold(ran.title)))
        return title + self._indented(expanded(ran.result, ran.language, self._code))

    def _code(self, text: str, language: str) -> list[str]:
        return self.typesetter.code(text, language, indent=len(_INDENT))

    def _indented(self, lines: Iterable[str]) -> str:
        """The lines a little to the right; one that does not fit is wrapped in its first colour."""
        room = max(self._width - len(_INDENT), 1)
        return "".join(f"{_INDENT}{row}\n" for line in lines for row in self._fitted(line, room))

    def _user(self, text: str) -> str:
        lines = visible(text).replace("\t", "    ").split("\n")
        if len(lines) > _SHOWN_LINES:
            lines = [*lines[:_SHOWN_LINES], f"… {len(lines) - _SHOWN_LINES} more lines"]
        rows = [row for line in lines for row in folded(line[: self._width * _SHOWN_LINES], self._width - 2, then="")]
        mark = self._palette.cyan(">")
        return "".join(f"{mark if number == 0 else ' '} {self._palette.bold(row)}\n" for number, row in enumerate(rows))

    def _note(self, note: Note) -> str:
        tones: dict[str, Callable[[str], str]] = {
            "dim": self._palette.dim,
            "warning": self._palette.yellow,
            "error": self._palette.red,
        }
        color = tones.get(note.tone, str)
        lines = visible(note.text).replace("\t", "    ").split("\n")
        return "".join(f"{color(row)}\n" for line in lines for row in self._fitted(line))

    def _fitted(self, line: str, room: int = 0) -> list[str]:
        plain, room = _COLORS.sub("", line), room or self._width
        if columns(plain) <= room:
            return [line]
        start = match[0] if (match := _COLORS.match(line)) and line.endswith(_RESET) else ""
        return [f"{start}{row}{_RESET}" if start else row for row in folded(plain, room, then="  ")]
