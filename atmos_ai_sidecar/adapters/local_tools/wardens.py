"""How this process starts a warden (warden.py) and talks with it."""

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


class Warden:
    """A running warden and the outputs of its program, which are read here. Use on one event loop; ``close`` it."""

    def __init__(self, *, has_input: bool = False) -> None:
        """Starts one that waits for its program.

        Args:
            has_input: The program gets an input that is written here; else it has none.

        Raises:
            ToolExecutionFailedError: There can be no warden.
        """
        self._control, control_end = socket.socketpair()
        self.stdout, stdout_end = os.pipe()
        self.stderr, stderr_end = os.pipe()
        self._input_end, self.stdin = os.pipe() if has_input else (-1, -1)
        inputs = (self._input_end,) if has_input else ()
        self._open = {self.stdout, self.stderr, self.stdin} - {-1}
        try:
            process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_WARDEN)],
                stdin=control_end.fileno(),
                stdout=stdout_end,
                stderr=stderr_end,
                pass_fds=inputs,
                cwd="/",
                env={},
                start_new_session=True,
            )
        except OSError as error:
            self.close()
            raise ToolExecutionFailedError(f"The warden could not be started: {error.strerror}.") from error
        finally:
            control_end.close()
            for descriptor in (stdout_end, stderr_end, *inputs):
                os.close(descriptor)
        for descriptor in self._open:
            os.set_blocking(descriptor, False)
        self._control.setblocking(False)
        threading.Thread(target=process.wait, name=f"warden-{process.pid}", daemon=True).start()

    @property
    def is_alive(self) -> bool:
        """Whether the other end of the socket is open; a warden that waits says nothing."""
        try:
            return bool(self._control.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def send(self, program: Program, ladder_seconds: tuple[float, float], **more: Any) -> None:
        """Hands the program over; a warden that is gone shows in its report."""
        values = {
            "arguments": list(program.arguments),
            "directory": program.directory,
            "environment": dict(program.environment),
            "umask": program.umask,
            "is_killable": program.execution_class is not ExecutionClass.MUTATE,
            "ladder": list(ladder_seconds),
            **more,
        }
        if self._input_end != -1:
            values["input"] = self._input_end
        data = marshal.dumps(values)
        try:
            await asyncio.get_running_loop().sock_sendall(self._control, b"%d\n%b" % (len(data), data))
        except OSError:
            return

    async def report(self) -> Any:
        """What the warden says about the program's end; None when it went without a word."""
        loop, data = asyncio.get_running_loop(), b""
        while not data.endswith(b"\n"):
            try:
                more = await loop.sock_recv(self._control, 4096)
            except OSError:
                more = b""
            if not more:
                return None
            data += more
        return json.loads(data)

    def stop(self) -> None:
        """Starts the stop ladder. The warden also starts it when it cannot be told, because ``close`` follows."""
        try:
            self._control.send(b"stop\n")
        except OSError:
            return

    def end_input(self) -> None:
        """Tells the program that nothing more comes."""
        self._close(self.stdin)

    def close(self) -> None:
        """Leaves the warden to itself."""
        self._control.close()
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        if descriptor in self._open:
            self._open.remove(descriptor)
            os.close(descriptor)


async def read_piece(descriptor: int, most_bytes: int) -> bytes:
    """The next bytes of an output, as soon as there are some; empty at its end."""
    loop = asyncio.get_running_loop()
    while True:
        await _wait(descriptor, loop.add_reader, loop.remove_reader)
        try:
            return os.read(descriptor, most_bytes)
        except BlockingIOError:
            continue


async def wait_writable(descriptor: int) -> None:
    """Waits until an input takes something."""
    loop = asyncio.get_running_loop()
    await _wait(descriptor, loop.add_writer, loop.remove_writer)


async def _wait(descriptor: int, add: Callable[..., Any], remove: Callable[..., Any]) -> None:
    ready = asyncio.Event()
    add(descriptor, ready.set)
    try:
        await ready.wait()
    finally:
        remove(descriptor)
