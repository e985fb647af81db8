"""A program that stays and is spoken with over its standard streams, under the warden like every other."""

import asyncio
import json
import marshal
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from atmos_ai_sidecar.application.ports.program_runner import Program
from atmos_ai_sidecar.domain.tools import ExecutionClass
from atmos_ai_sidecar.errors import ToolExecutionFailedError

_WARDEN = Path(__file__).with_name("warden.py")
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
        self._control, control_end = socket.socketpair()
        self._input_end, self._stdin = os.pipe()
        self._stdout, stdout_end = os.pipe()
        self._stderr, stderr_end = os.pipe()
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_WARDEN)],
                stdin=control_end.fileno(),
                stdout=stdout_end,
                stderr=stderr_end,
                pass_fds=(self._input_end,),
                cwd="/",
                env={},
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            for descriptor in (self._stdin, self._stdout, self._stderr):
                os.close(descriptor)
            raise ToolExecutionFailedError(f"The warden could not be started: {error.strerror}.") from error
        finally:
            control_end.close()
            for descriptor in (self._input_end, stdout_end, stderr_end):
                os.close(descriptor)
        for descriptor in (self._stdin, self._stdout, self._stderr):
            os.set_blocking(descriptor, False)
        self._control.setblocking(False)
        self._open = {self._stdin, self._stdout, self._stderr}
        threading.Thread(target=process.wait, name=f"warden-{process.pid}", daemon=True).start()

    async def start(self) -> None:
        """Hands the program to the warden; one that cannot be started shows in ``wait_end``."""
        values = {
            "arguments": list(self._program.arguments),
            "directory": self._program.directory,
            "environment": dict(self._program.environment),
            "umask": self._program.umask,
            "is_killable": self._program.execution_class is not ExecutionClass.MUTATE,
            "ladder": list(self._ladder_seconds),
            "input": self._input_end,
        }
        data = marshal.dumps(values)
        try:
            await asyncio.get_running_loop().sock_sendall(self._control, b"%d\n%b" % (len(data), data))
        except OSError:
            return  # a warden that is gone shows in its report

    async def write(self, data: bytes) -> None:
        """Gives the program input, as fast as it takes it.

        Raises:
            OSError: It reads no more.
        """
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._stdin, rest) :]
            except BlockingIOError:
                loop = asyncio.get_running_loop()
                await _wait(self._stdin, loop.add_writer, loop.remove_writer)

    async def read(self) -> bytes:
        """The next piece of its output; empty at the end."""
        return await _read(self._stdout)

    async def read_error(self) -> bytes:
        """The next piece of its error output; empty at the end."""
        return await _read(self._stderr)

    async def wait_end(self) -> str:
        """Waits until the program itself has ended, and says how in a few words."""
        loop, data = asyncio.get_running_loop(), b""
        while not data.endswith(b"\n"):
            try:
                more = await loop.sock_recv(self._control, 4096)
            except OSError:
                more = b""
            if not more:
                return "its warden was killed"
            data += more
        report = json.loads(data)
        if "errno" in report:
            return f"it could not be started: {os.strerror(report['errno'])}"
        return f"it ended with exit code {report['exit_code']}"

    def end_input(self) -> None:
        """Tells the program that nothing more comes."""
        self._close(self._stdin)

    def stop(self) -> None:
        """Starts the stop ladder."""
        try:
            self._control.send(b"stop\n")
        except OSError:
            return

    def close(self) -> None:
        """Leaves the program to its warden, which ends it."""
        self._control.close()
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)


async def _read(descriptor: int) -> bytes:
    loop = asyncio.get_running_loop()
    while True:
        await _wait(descriptor, loop.add_reader, loop.remove_reader)
        try:
            return os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            continue


async def _wait(descriptor: int, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
