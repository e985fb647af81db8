"""The line below the composer: what may happen, where, with what, and what goes on now."""

from dataclasses import dataclass

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.terminal.chat.approval_panel import ApprovalPanel
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.live_turn import LiveTurn, Row
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible

HINT_SECONDS = 2.0


@dataclass(slots=True, kw_only=True)
class StatusLine:
    clock: Clock
    turn: LiveTurn
    panel: ApprovalPanel
    conversation: Conversation | None = None
    _hint: str = ""
    _hint_until: float = 0.0

    def hint(self, text: str) -> None:
        """Shows a few words for two seconds in place of the state."""
        self._hint, self._hint_until = text, self.clock.monotonic() + HINT_SECONDS

    @property
    def is_moving(self) -> bool:
        """Whether the line changes by itself as time goes by."""
        return self.turn.is_working or bool(self._hint)

    def row(self, width: int) -> Row:
        """The line, with what matters most first, cut to the width."""
        pieces: Row = []
        room = width
        for style, text in self._parts():
            shown = cut(text if not pieces else f" · {text}", room)
            room -= columns(shown)
            pieces.append((style, shown))
        return [piece for piece in pieces if piece[1]]

    def _parts(self) -> Row:
        if self.conversation is None:
            return [("class:status", self._state())]
        mode = self.conversation.workspace.permissions.mode
        parts: Row = [
            ("class:yolo", "YOLO") if mode == "yolo" else ("class:status", mode),
            ("class:status", self._state()),
            ("class:status", visible(self.conversation.session.name)),
            ("class:status", visible(self.conversation.model)),
        ]
        if self.turn.tokens:
            parts.append(("class:status", f"{_count(self.turn.tokens)} tokens"))
        return parts

    def _state(self) -> str:
        if self._hint and self.clock.monotonic() >= self._hint_until:
            self._hint = ""
        if self._hint:
            return self._hint
        if self.panel.count:
            return "1 question" if self.panel.count == 1 else f"{self.panel.count} questions"
        if self.conversation is None:
            return "opening the project"
        if self.turn.is_working:
            return f"{self.turn.activity} {self.turn.elapsed_seconds:.0f} s, Esc cancels"
        return "ready, /help"


def _count(number: int) -> str:
    return f"{number / 1000:.1f}k" if number >= 1000 else str(number)  # noqa: PLR2004 - where thousands begin
