"""prompt_toolkit's output over a console."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prompt_toolkit.data_structures import Size
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from atmos_ai_sidecar.application.ports.console import Console

MIN_COLUMNS, MIN_ROWS = 4, 2
"""Below that nothing can be laid out; the terminal cuts what does not fit."""


class StreamOutput(Vt100_Output):
    """Draws on one console; ``batch`` makes one frame of what is drawn within it."""

    def __init__(self, console: Console, *, color_depth: ColorDepth) -> None:
        super().__init__(
            io.StringIO(),  # never written to: flush is ours
            lambda: Size(rows=max(console.size.rows, MIN_ROWS), columns=max(console.size.columns, MIN_COLUMNS)),
            term=console.environment.get("TERM"),
            default_color_depth=color_depth,
            enable_cpr=False,
        )
        self._console = console
        self._depth = 0

    def flush(self) -> None:
        if self._depth == 0 and self._buffer:
            data = "".join(self._buffer)
            self._buffer = []
            self._console.write(data.encode("utf-8", "replace"))

    def fileno(self) -> int:
        raise NotImplementedError

    def erase_down(self) -> None:
        """Erases row by row: ED at the top of the screen makes tmux push all of it into its scrollback."""
        rows = self.get_size().rows
        self.write_raw("\x1b7\x1b[K" + "\x1b[B\x1b[2K" * (rows - 1) + "\x1b8")

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One synchronized frame, so that no terminal shows the state between."""
        self._depth += 1
        if self._depth == 1:
            self.write_raw("\x1b[?2026h")
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self.write_raw("\x1b[?2026l")
                self.flush()


def color_depth_of(environment: Mapping[str, str], *, has_colors: bool) -> ColorDepth:
    """How many colours the caller's terminal has, by what its environment says."""
    if not has_colors:
        return ColorDepth.DEPTH_1_BIT
    if environment.get("COLORTERM") in {"truecolor", "24bit"}:
        return ColorDepth.DEPTH_24_BIT
    return ColorDepth.DEPTH_8_BIT if "256color" in environment.get("TERM", "") else ColorDepth.DEPTH_4_BIT
