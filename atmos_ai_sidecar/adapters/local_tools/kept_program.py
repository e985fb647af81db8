"""A program that stays and is spoken with over its standard streams, under the warden like every other."""

import os

from atmos_ai_sidecar.adapters.local_tools.wardens import Warden, read_piece, wait_writable
from atmos_ai_sidecar.application.ports.program_runner import Program

_READ_BYTES = 65_536


class KeptProgram:
    """A running program. Use on one event loop; ``close`` it, its warden does the rest.

    It ends with all its descendants when it is stopped, when it is closed, and when this process dies.
    """

    def __init__(self, program: Program, *, ladder_seconds: tuple[float, float]) -> None:
        """Starts the warden; ``start`` hands it the program.

        Raises:
            ToolExecutionFailedError: There can be no warden.
        """
        self._program = program
        self._ladder_seconds = ladder_seconds
        self._warden = Warden(has_input=True)

    async def start(self) -> None:
        """Hands the program to the warden; one that cannot be started shows in ``wait_end``."""
        await self._warden.send(self._program, self._ladder_seconds)

    async def write(self, data: bytes) -> None:
        """Gives the program input, as fast as it takes it.

        Raises:
            OSError: It reads no more.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._warden.stdin, rest) :]
            except BlockingIOError:
                await wait_writable(self._warden.stdin)

    async def read(self) -> bytes:
        """The next piece of its output; empty at the end."""
        return await read_piece(self._warden.stdout, _READ_BYTES)

    async def read_error(self) -> bytes:
        """The next piece of its error output; empty at the end."""
        return await read_piece(self._warden.stderr, _READ_BYTES)

    async def wait_end(self) -> str:
        """Waits until the program itself has ended, and says how in a few words."""
        report = await self._warden.report()
        if report is None:
            return "its warden was killed"
        if "errno" in report:
            return f"it could not be started: {os.strerror(report['errno'])}"
        return f"it ended with exit code {report['exit_code']}"

    def end_input(self) -> None:
        """Tells the program that nothing more comes."""
        self._warden.end_input()

    def stop(self) -> None:
        """Starts the stop ladder."""
        self._warden.stop()

    def close(self) -> None:
        """Leaves the program to its warden, which ends it."""
        self._warden.close()
