"""What the tools of a chat have printed, for whoever wants to see more than the card."""

from collections import deque
from collections.abc import Iterable

from atmos_ai_sidecar.terminal.chat.transcript import ToolRan
from atmos_ai_sidecar.terminal.render.outputs import is_expandable

KEPT = 50


class ToolOutputs:
    """The newest outputs; ``next`` goes backwards from the newest one, and starts again when another one comes."""

    def __init__(self) -> None:
        self._kept: deque[ToolRan] = deque(maxlen=KEPT)
        self._shown = 0

    @property
    def is_empty(self) -> bool:
        return not self._kept

    def add(self, pieces: Iterable[object]) -> None:
        """Keeps those of the pieces that are calls with an output."""
        for piece in pieces:
            if isinstance(piece, ToolRan) and is_expandable(piece.result):
                self._kept.append(piece)
                self._shown = 0

    def next(self) -> ToolRan | None:
        """The newest call that was not asked for since; None after the oldest one."""
        if self._shown == len(self._kept):
            self._shown = 0
            return None
        self._shown += 1
        return self._kept[-self._shown]
