"""Questions of a command on this process's own terminal: what the shim does for a command behind it."""

import asyncio

from atmos_ai_sidecar.adapters.console import ControllingTerminal
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.terminal.prompter import answer_questions


class OwnPrompter:
    """Asks on /dev/tty while it is attached. Call it with True to attach and with False to detach."""

    def __init__(self, approvals: Approvals, clock: Clock) -> None:
        self.run_id = ""
        self._approvals = approvals
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._ended: list[asyncio.Task[None]] = []

    def __call__(self, attached: bool) -> None:
        if attached and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._ask())
        elif not attached and self._task is not None:
            self._task.cancel()
            self._ended.append(self._task)
            self._task = None

    async def close(self) -> None:
        """Detaches and waits until the terminal is left alone."""
        self(False)
        await asyncio.gather(*self._ended, return_exceptions=True)

    async def _ask(self) -> None:
        try:
            terminal = ControllingTerminal(self._clock)
        except OSError:
            return  # nobody can be asked; the request finds no prompter and says so
        try:
            with self._approvals.attach("terminal", run_id=self.run_id) as prompter:
                await answer_questions(prompter, self._approvals, terminal)
        finally:
            terminal.close()
