"""Lines on standard output and standard error of a console."""

from typing import Self

from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.render.palette import Palette, visible, wants_color


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """Data goes to standard output, talk to standard error; each has colours only where it is a terminal."""

    console: Console
    out: Palette
    talk: Palette

    @classmethod
    def of(cls, console: Console, options: RunOptions, *, force_color: bool = False) -> Self:
        def palette(*, is_terminal: bool) -> Palette:
            return Palette(
                wants_color(
                    console.environment, is_terminal=is_terminal, no_color=options.no_color, force_color=force_color
                )
            )

        return cls(
            console=console,
            out=palette(is_terminal=console.stdout_is_terminal),
            talk=palette(is_terminal=console.stderr_is_terminal),
        )

    def write(self, text: str) -> None:
        """Puts text on standard output as it is."""
        self.console.write(text.encode("utf-8", "replace"))

    def line(self, text: str = "") -> None:
        self.write(text + "\n")

    def say(self, text: str) -> None:
        """Puts a line on standard error."""
        self.console.write_error((text + "\n").encode("utf-8", "replace"))

    def error(self, error: SidecarError) -> None:
        """Puts an error on standard error: what happened, where, and what to do next."""
        self.say(f"{self.talk.alarm('Error:')} {visible(str(error))}")
