"""What a slash command may do to the chat that it was typed in."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.terminal.render.palette import Palette


class View(Protocol):
    """One chat, on a screen or line by line."""

    @property
    def clock(self) -> Clock: ...

    @property
    def palette(self) -> Palette: ...

    def say(self, text: str) -> None:
        """Shows lines of ours."""

    def show_error(self, error: SidecarError) -> None: ...

    def waiting(self, what: str, progress: Progress | None = None) -> AbstractAsyncContextManager[object]:
        """Says what is waited for while the context is open, and how much of it is done."""

    async def examine(self) -> Sequence[str]:
        """What `doctor` says about this run, as lines."""

    async def show_session(self) -> None:
        """Shows the session that the conversation is in now, with what was said in it."""

    def pick_session(self) -> bool:
        """Opens a list of sessions to choose from; False where there is none."""

    def clear(self) -> None:
        """Empties the screen; the session keeps everything."""

    def send(self, text: str) -> None:
        """Sends a message as if it had been typed."""

    def leave(self) -> None: ...
