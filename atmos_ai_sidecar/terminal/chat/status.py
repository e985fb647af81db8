"""The line below the composer: what may happen, where, with what, and what goes on now."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.chat.approval_panel import ApprovalPanel
from atmos_ai_sidecar.terminal.chat.conversation import Conversation
from atmos_ai_sidecar.terminal.chat.live_turn import LiveTurn, Row
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.costs import cost_text
from atmos_ai_sidecar.terminal.render.palette import visible

HINT_SECONDS = 2.0
_FULL_SHARE = 0.8
"""From here on the window is shown as nearly full."""


@dataclass(slots=True, kw_only=True)
class StatusLine:
    clock: Clock
    turn: LiveTurn
    panel: ApprovalPanel
    conversation: Conversation | None = None
    spent: Usage | None = None
    """Of the session before the turn that runs; None until it is known."""
    context_tokens: int = 0
    window_tokens: int = 0
    """0: not known yet."""
    is_loading_model: bool = False
    _hint: str = ""
    _hint_until: float = 0.0
    _waits: list[tuple[str, float, Progress]] = field(default_factory=list)

    def hint(self, text: str) -> None:
        """Shows a few words for two seconds in place of the state."""
        self._hint, self._hint_until = text, self.clock.monotonic() + HINT_SECONDS

    @contextmanager
    def waiting(self, what: str, progress: Progress | None = None) -> Iterator[None]:
        """Shows what is waited for, for how long, and how much of it is done, while the context is open."""
        wait = (what, self.clock.monotonic(), progress or Progress())
        self._waits.append(wait)
        try:
            yield
        finally:
            self._waits.remove(wait)

    @property
    def is_moving(self) -> bool:
        """Whether the line changes by itself as time goes by."""
        return self.turn.is_working or bool(self._hint) or bool(self._waits)

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
        return [
            ("class:yolo", "YOLO") if mode == "yolo" else ("class:status", mode),
            ("class:warning" if self.panel.count else "class:status", self._state()),
            *self._context(),
            *self._cost(),
            ("class:status", visible(self.conversation.session.name)),
            ("class:status", visible(self.conversation.model)),
        ]

    def _context(self) -> Row:
        if not self.window_tokens:
            return []
        share = (self.turn.prompt_tokens or self.context_tokens) / self.window_tokens
        return [("class:warning" if share >= _FULL_SHARE else "class:status", f"{share:.0%} context")]

    def _cost(self) -> Row:
        if self.spent is None:
            return []
        return [("class:status", cost_text(self.spent + self.turn.usage))]

    def _state(self) -> str:
        if self._hint and self.clock.monotonic() >= self._hint_until:
            self._hint = ""
        if self._hint:
            return self._hint
        if self.panel.count:
            return "1 question" if self.panel.count == 1 else f"{self.panel.count} questions"
        if self.turn.is_working:
            activity = "loading the model" if self.is_loading_model else self.turn.activity
            return f"{activity} {self.turn.elapsed_seconds:.0f} s, Esc cancels"
        if self._waits:
            what, since, progress = self._waits[-1]
            hint = "" if self.conversation is None else ", Esc cancels"
            share = f" {progress.share}," if progress.share else ""
            return f"{progress.what or what}{share} {self.clock.monotonic() - since:.0f} s{hint}"
        return "opening the project" if self.conversation is None else "ready, /help"
