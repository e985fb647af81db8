"""Takes input only while somebody waits for it: what a command does not read stays for the shell."""

import asyncio
import os


class PulledInput:
    """Reads of one stream: a terminal, pipe, socket, file or device."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._waiting: asyncio.Future[bool] | None = None
        self._allowed = asyncio.Event()

    def revoke(self) -> None:
        """A read that waits stops watching the stream; it goes on after ``allow``. Later reads are not touched."""
        if self._waiting is not None and not self._waiting.done():
            self._allowed.clear()
            self._waiting.set_result(False)
            self._stop_watching()

    def allow(self) -> None:
        """Lets a revoked read go on."""
        self._allowed.set()

    async def read(self, max_bytes: int) -> bytes:
        """The next bytes; empty at the end, and when there is no such stream."""
        while not await self._readable():
            await self._allowed.wait()
        try:
            return os.read(self._descriptor, max_bytes)
        except BlockingIOError:
            # Another process took what was there.
            return await self.read(max_bytes)
        except OSError:
            # The terminal hung up, or the stream was closed before the start.
            return b""

    async def _readable(self) -> bool:
        """Waits for input; False when the read was revoked."""
        ready: asyncio.Future[bool] = self._loop.create_future()
        try:
            self._loop.add_reader(self._descriptor, _settle, ready)
        except OSError:
            # Files and /dev/null cannot be watched: they never make anybody wait. Nor does a closed stream.
            return True
        self._waiting = ready
        try:
            return await ready
        finally:
            # After a revocation somebody else may be watching already.
            if self._waiting is ready:
                self._stop_watching()

    def _stop_watching(self) -> None:
        self._waiting = None
        self._loop.remove_reader(self._descriptor)


def _settle(ready: "asyncio.Future[bool]") -> None:
    if not ready.done():
        ready.set_result(True)
