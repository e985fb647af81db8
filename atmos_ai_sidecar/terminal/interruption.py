"""Signals that end a command in order, so that it can still say what became of it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from atmos_ai_sidecar.application.ports.console import Console


class Interruption:
    """Hears signals from the moment it is made; the first one stops what is going on."""

    def __init__(self, console: Console) -> None:
        self.signal = ""
        """The name of the signal without SIG; empty as long as none has come."""
        self._stop: Callable[[], object] | None = None
        console.on_signal(self._note)

    @contextmanager
    def stops(self, stop: Callable[[], object]) -> Iterator[None]:
        """Within the context the signal calls ``stop``, at once when it has come before, and nothing else."""
        outer, self._stop = self._stop, stop
        try:
            if self.signal:
                stop()
            yield
        finally:
            self._stop = outer

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs work that a signal cancels; returns when it has ended, also then.

        Raises whatever the work raises.
        """
        task = asyncio.create_task(work)
        try:
            with self.stops(task.cancel):
                await asyncio.wait({task})
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
        if not task.cancelled():
            task.result()

    def _note(self, name: str) -> None:
        if name != "CONT" and not self.signal:
            self.signal = name
            if self._stop is not None:
                self._stop()
