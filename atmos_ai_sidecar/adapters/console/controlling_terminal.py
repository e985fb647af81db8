"""The terminal that a person sits at, whatever the streams are redirected to: questions go there."""

import asyncio
import contextlib
import os
import select
import termios
from collections.abc import Sequence

from atmos_ai_sidecar.adapters.console.ordered_writer import OrderedWriter
from atmos_ai_sidecar.adapters.console.pulled_input import PulledInput
from atmos_ai_sidecar.application.ports.clock import Clock

PATH = "/dev/tty"
GUARD_SECONDS = 0.3
"""Keys pressed before a person can have read the question do not answer it."""
MAX_ANSWER_BYTES = 4096


def has_controlling_terminal() -> bool:
    """Whether this process has a terminal at which a person can be asked."""
    try:
        os.close(os.open(PATH, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


class ControllingTerminal:
    """Asks one question after the other on /dev/tty, in cooked mode."""

    def __init__(self, clock: Clock) -> None:
        """Opens the terminal.

        Raises:
            OSError: There is none.
        """
        self._clock = clock
        self._descriptor = os.open(PATH, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        loop = asyncio.get_running_loop()
        self._input = PulledInput(self._descriptor, loop)
        self._output = OrderedWriter(loop, lambda _descriptor, _error: None)

    async def show(self, lines: Sequence[str]) -> None:
        """Prints lines, which must be sanitised."""
        await self._write("".join(f"{line}\n" for line in lines))

    async def ask(self, prompt: str) -> str | None:
        """One line as it was typed, without its end; None when the terminal has gone or its input ended.

        What was typed before and in the first 300 ms is thrown away. An answer that more lines follow at once was
        pasted: it is thrown away, and the question asked again.
        """
        await self._guard()
        while True:
            await self._write(prompt)
            line = await self._input.read(MAX_ANSWER_BYTES)
            if not line:
                return None
            if not self._has_more():
                return line.decode("utf-8", "replace").rstrip("\r\n")
            self._flush()
            await self._write("\nPasted text does not answer.\n")

    def close(self) -> None:
        """Closes the terminal; a question that waits must have been cancelled before."""
        self._output.close()
        os.close(self._descriptor)

    async def _guard(self) -> None:
        self._flush()
        await self._clock.sleep(GUARD_SECONDS)
        self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(termios.error):
            termios.tcflush(self._descriptor, termios.TCIFLUSH)

    def _has_more(self) -> bool:
        return bool(select.select([self._descriptor], [], [], 0)[0])

    async def _write(self, text: str) -> None:
        self._output.write(self._descriptor, text.encode("utf-8", "replace"))
        await self._output.drain()
