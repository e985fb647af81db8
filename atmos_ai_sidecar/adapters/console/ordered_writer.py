"""Writes to this process's streams in order, without ever blocking the event loop.

A thread does the writing: the streams are shared with the shell and other programs, so they must not be switched to
non-blocking, and a regular file cannot be watched by an event loop at all.
"""

import asyncio
import contextlib
import errno
import os
import queue
import select
import threading
from collections.abc import Callable

CONGESTED_BYTES = 16 * 1024
MAX_PENDING_BYTES = 64 * 1024 * 1024
"""A command that never drains and whose reader takes nothing is ended here."""

Step = Callable[[], None]


class OrderedWriter:
    """A queue of bytes and other steps, done one after the other by a thread of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[int, OSError], None]) -> None:
        """``on_lost`` is called on the loop, once for a stream that takes nothing any more."""
        self._loop = loop
        self._on_lost = on_lost
        self._steps: queue.SimpleQueue[tuple[Step, int] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._pending = 0
        self._lost: set[int] = set()
        self._thread = threading.Thread(target=self._work, name="console output", daemon=True)
        self._thread.start()

    @property
    def pending_bytes(self) -> int:
        """Bytes that no stream has taken yet."""
        with self._lock:
            return self._pending

    def write(self, descriptor: int, data: bytes) -> None:
        """Queues bytes; those for a stream that is lost are dropped."""
        if not data or descriptor in self._lost:
            return
        with self._lock:
            self._pending += len(data)
            is_too_much = self._pending > MAX_PENDING_BYTES
        self._steps.put((lambda: self._write(descriptor, data), len(data)))
        if is_too_much:
            self._lose(descriptor, OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS)))

    def run(self, step: Step) -> None:
        """Queues something else that must happen after the output so far."""
        self._steps.put((step, 0))

    async def drain(self) -> None:
        """Waits until everything so far has been taken or dropped."""
        done = self._loop.create_future()

        def settle() -> None:
            if not done.done():
                done.set_result(None)

        self.run(lambda: self._call(settle))
        await done

    def close(self) -> None:
        """Ends the thread once the queue is empty; does not wait."""
        self._steps.put(None)

    def _work(self) -> None:
        while (item := self._steps.get()) is not None:
            step, size = item
            step()
            with self._lock:
                self._pending -= size

    def _write(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view and descriptor not in self._lost:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:
                    # Somebody else has made the shared stream non-blocking.
                    select.select([], [descriptor], [], 1.0)
        except OSError as error:
            self._lose(descriptor, error)

    def _lose(self, descriptor: int, error: OSError) -> None:
        if descriptor not in self._lost:
            self._lost.add(descriptor)
            self._call(lambda: self._on_lost(descriptor, error))

    def _call(self, callback: Step) -> None:
        # The loop may have ended before a stopped terminal went on.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(callback)
