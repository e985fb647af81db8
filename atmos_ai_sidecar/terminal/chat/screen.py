"""The screen of a chat: lines that are final above, a small layout that is drawn again below.

This is the one module that uses private attributes of prompt_toolkit (``Application._redraw``,
``Application._running_in_terminal``, ``Renderer._cursor_pos``, ``_last_screen``, ``_last_size``), whose version is
pinned. What they are needed for has no public way: writing above the layout in one frame without asking the terminal
for the cursor, a resize on terminals that wrap old lines anew, and drawing nothing for a terminal that is stopped.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prompt_toolkit.application import Application
from prompt_toolkit.data_structures import Point

from atmos_ai_sidecar.terminal.chat.stream_output import StreamOutput


class GatedApplication(Application[int]):
    """Draws nothing while the terminal takes nothing, and nothing by itself when the size changes."""

    def __init__(self, *, is_congested: Callable[[], bool], on_skip: Callable[[], None], **options: Any) -> None:
        super().__init__(**options)
        self._is_congested = is_congested
        self._on_skip = on_skip

    def _redraw(self, render_as_done: bool = False) -> None:
        if not render_as_done and self._is_congested():
            self._on_skip()
        else:
            super()._redraw(render_as_done)

    def _on_resize(self) -> None:
        """The console tells the chat of a new size; the signal of this process says nothing about its terminal."""


class Screen:
    """Writes above the layout of an application, and keeps both in order."""

    def __init__(self, application: GatedApplication, output: StreamOutput, *, reflows: bool) -> None:
        self.application = application
        self._output = output
        self._reflows = reflows
        self._winch = _winch_handler()
        application.after_render += self._return_winch

    @property
    def columns(self) -> int:
        """Columns that a line may have: the last one stays free, because a cursor there hangs between two rows."""
        return self._output.get_size().columns - 1

    @property
    def rows(self) -> int:
        return self._output.get_size().rows

    @property
    def is_suspended(self) -> bool:
        return self.application._running_in_terminal  # noqa: SLF001

    def write_above(self, text: str) -> None:
        """Puts whole lines above the layout, in one frame with the layout drawn again below them."""
        if not self.application.is_running:
            self._output.write_raw(text.replace("\n", "\r\n"))
            self._output.flush()
            return
        renderer = self.application.renderer
        with self._output.batch():
            self._output.cursor_backward(renderer._cursor_pos.x)  # noqa: SLF001
            self._output.cursor_up(renderer._cursor_pos.y)  # noqa: SLF001
            renderer.reset()
            self._output.reset_attributes()
            self._output.enable_autowrap()
            self._output.write_raw(text.replace("\n", "\x1b[K\r\n"))
            self.application._redraw()  # noqa: SLF001

    def clear(self) -> None:
        """Empties the screen."""
        with self._output.batch():
            self.application.renderer.reset()
            self._output.cursor_goto(1, 1)
            self._output.erase_down()
            self.application._redraw()  # noqa: SLF001

    def resize(self) -> None:
        """Draws the layout anew at the console's size, also where the terminal has wrapped the old one."""
        if not self.application.is_running or self.is_suspended:
            return
        renderer = self.application.renderer
        with self._output.batch():
            if self._reflows:
                renderer._cursor_pos = Point(x=0, y=renderer._cursor_pos.y + self._wrapped_rows())  # noqa: SLF001
                self._output.write_raw("\r")
            renderer.erase(leave_alternate_screen=False)
            self.application._redraw()  # noqa: SLF001

    def _wrapped_rows(self) -> int:
        """How many rows more the old layout takes above the cursor, now that the terminal is narrower."""
        renderer, width = self.application.renderer, self._output.get_size().columns
        size, screen = renderer._last_size, renderer._last_screen  # noqa: SLF001
        if size is None or screen is None or width >= size.columns:
            return 0
        extra = renderer._cursor_pos.x // width  # noqa: SLF001
        for y in range(renderer._cursor_pos.y):  # noqa: SLF001
            cells = screen.data_buffer[y]
            used = max((x + cell.width for x, cell in cells.items() if cell.char != " "), default=0)
            extra += max(0, min(used, size.columns) - 1) // width
        return extra

    async def suspend(self, suspend: Callable[[], Awaitable[None]]) -> None:
        """Leaves the terminal to the shell until the user comes back."""
        application = self.application
        application.renderer.erase()
        application._running_in_terminal = True  # noqa: SLF001
        try:
            await suspend()
        finally:
            application._running_in_terminal = False  # noqa: SLF001
            application.renderer.reset()
            application._redraw()  # noqa: SLF001

    def _return_winch(self, _sender: object) -> None:
        """Gives SIGWINCH back to whoever had it: prompt_toolkit takes it for itself while it runs."""
        self.application.after_render -= self._return_winch
        if not hasattr(signal, "SIGWINCH") or _winch_handler() is None:
            return
        loop = asyncio.get_running_loop()
        loop.remove_signal_handler(signal.SIGWINCH)
        if self._winch is not None:
            loop.add_signal_handler(signal.SIGWINCH, self._winch)


def reflows(environment: Mapping[str, str]) -> bool:
    """Whether the terminal wraps old lines anew when it gets narrower; xterm and the Linux console do not."""
    return "XTERM_VERSION" not in environment and environment.get("TERM") != "linux"


def _winch_handler() -> Callable[[], None] | None:
    """What the event loop calls for SIGWINCH; None when nobody asked for it."""
    handlers = getattr(asyncio.get_running_loop(), "_signal_handlers", {})
    handle = handlers.get(getattr(signal, "SIGWINCH", None))
    return handle._run if handle is not None else None  # noqa: SLF001
