"""The end of the server, seen by its calls: long ones are told, new ones refused, and the server waits for the rest."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from atmos_ai_sidecar.rpc.auth import PACKAGE


class Departure:
    """Whether the server is going away, and which calls it still answers. Use on one event loop."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._busy = asyncio.Event()
        self._calls = 0
        self._told = asyncio.Event()
        self._told.set()
        self._untold: set[object] = set()

    @property
    def calls(self) -> int:
        """How many calls of our services are being answered now."""
        return self._calls

    @property
    def has_begun(self) -> bool:
        return self._begun.is_set()

    def begin(self) -> None:
        """Tells everybody who waits for it."""
        self._begun.set()

    async def wait_begun(self) -> None:
        await self._begun.wait()

    @contextmanager
    def to_tell(self) -> Iterator[Callable[[], None]]:
        """Counts a stream that says so to its client; it calls what it is given when it has, or leaves the context."""
        stream = object()
        self._untold.add(stream)
        self._told.clear()

        def tell() -> None:
            self._untold.discard(stream)
            if not self._untold:
                self._told.set()

        try:
            yield tell
        finally:
            tell()

    async def wait_told(self) -> None:
        """Returns when every stream that is there has said so to its client."""
        await self._told.wait()

    async def wait_idle(self) -> None:
        """Returns when no call of our services is being answered."""
        await self._idle.wait()

    async def wait_busy(self) -> None:
        """Returns when a call of our services is being answered."""
        await self._busy.wait()

    @contextmanager
    def staying(self, method: str) -> Iterator[None]:
        """Counts a call while the context lasts; health and reflection watch for ever and do not count."""
        if not method.startswith(f"/{PACKAGE}."):
            yield
            return
        self._calls += 1
        self._idle.clear()
        self._busy.set()
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
                self._busy.clear()
