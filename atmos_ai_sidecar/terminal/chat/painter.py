"""Pieces of a conversation as lines for the scrollback."""

import re
from collections.abc import Callable, Iterable, Sequence

from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.terminal.chat.live_turn import Note, Piece, Said
from atmos_ai_sidecar.terminal.chat.transcript import AssistantSaid, Entry, ToolRan, UserSaid
from atmos_ai_sidecar.terminal.render.cards import card, folded
from atmos_ai_sidecar.terminal.render.palette import Palette, visible
from atmos_ai_sidecar.terminal.render.typesetter import Typesetter

_COLORS = re.compile("\x1b\\[[0-9;]*m")
_SHOWN_LINES = 40
"""Of a message of the user: more was pasted, and is known."""


class Painter:
    """Sets pieces for one terminal; a blank line stands between two of them, but not between tool cards."""

    def __init__(self, palette: Palette, *, width: int) -> None:
        self._palette = palette
        self._width = width
        self._last: type | None = None
        self.typesetter = Typesetter(columns=width, has_colors=palette.enabled)

    def resize(self, width: int) -> None:
        if width != self._width:
            self._width = width
            self.typesetter = Typesetter(columns=width, has_colors=self._palette.enabled)

    def text(self, pieces: Iterable[Piece | Entry]) -> str:
        """The pieces as whole lines."""
        return "".join(self._separated(piece) for piece in pieces)

    def header(self, lines: Sequence[str]) -> str:
        """Lines that have colours already; one that does not fit loses them."""
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
                return card(piece.title, piece.result, self._palette, width=self._width) + "\n"
            case Note():
                return self._note(piece)

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
        lines = note.text.replace("\t", "    ").split("\n")
        return "".join(f"{color(row)}\n" for line in lines for row in self._fitted(line))

    def _fitted(self, line: str) -> list[str]:
        plain = _COLORS.sub("", line)
        return [line] if columns(plain) <= self._width else folded(plain, self._width, then="  ")
