"""Raw and cooked: the flags of a terminal, set at once so that what was typed ahead stays."""

import atexit
import contextlib
import os
import termios
from typing import Any

from atmos_ai_sidecar.application.ports.console import TerminalMode

UNDO = b"\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?2004l\x1b[?1000l\x1b[?1006l\x1b[?25h\r\n\x1b[J"
"""Ends what a screen that died in raw mode may have left on: frames, colours, bracketed paste, mouse, no cursor."""

_IFLAG, _LFLAG, _CC = 0, 3, 6


class TerminalModes:
    """The mode of one terminal. It is restored at the latest when the interpreter exits."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._cooked: list[Any] | None = None
        self.mode = TerminalMode.COOKED
        if os.isatty(descriptor):
            self._cooked = termios.tcgetattr(descriptor)
            atexit.register(self.restore)

    def set(self, mode: TerminalMode) -> None:
        """Sets the mode; nothing happens on what is no terminal, or is another job's at the moment."""
        self.mode = mode
        self.apply()

    def apply(self) -> None:
        """Sets the current mode again, as after a stop, when the shell has set its own."""
        self._apply(self.mode)

    def cook_for_a_stop(self) -> None:
        """Cooked without forgetting the mode, which ``apply`` sets again."""
        self._apply(TerminalMode.COOKED)

    def restore(self) -> None:
        """Cooked for good. Doing it twice does nothing."""
        if self._cooked is None:
            return
        self.set(TerminalMode.COOKED)
        self._cooked = None
        atexit.unregister(self.restore)

    def _apply(self, mode: TerminalMode) -> None:
        if self._cooked is None or not self._is_ours():
            return
        attributes = self._cooked if mode is TerminalMode.COOKED else _raw(self._cooked)
        # A terminal that has hung up has no mode any more.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(self._descriptor, termios.TCSANOW, attributes)

    def _is_ours(self) -> bool:
        """A job in the background must not touch the mode, which is another job's; SIGTTOU would stop it."""
        try:
            return os.tcgetpgrp(self._descriptor) == os.getpgrp()
        except OSError:
            # No controlling terminal of this session: there are no jobs.
            return True


def _raw(cooked: list[Any]) -> list[Any]:
    """Keys as they come; output is still processed, so that plain line feeds work."""
    attributes = [*cooked[:_CC], list(cooked[_CC])]
    attributes[_IFLAG] &= ~(termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR)
    attributes[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
    attributes[_CC][termios.VMIN] = 1
    attributes[_CC][termios.VTIME] = 0
    return attributes
