"""prompt_toolkit's input over a console: no file descriptor, no pipe, nothing read before it is wanted."""

import asyncio
import codecs
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prompt_toolkit.input.base import Input
from prompt_toolkit.key_binding import KeyPress

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.console import Console, TerminalMode
from atmos_ai_sidecar.terminal.chat.key_reader import KeyReader

QUIET_SECONDS = 0.15
"""A paste without marks is over when nothing more has come for so long: a busy machine pauses within one, and nobody
presses Enter that soon after it."""
_NUMBERS = itertools.count(1)


class StreamInput(Input):
    """Keys of one console. ``run`` has to be running while keys are wanted."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console = console
        self._clock = clock
        self._keys: list[KeyPress] = []
        self._reader = KeyReader()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._name = f"console-{next(_NUMBERS)}"
        self._is_closed = False
        self._ready: Callable[[], None] | None = None
        self.keys_in_piece = 0
        """How many keys the newest piece of input held, but for a last Enter: a person presses one at a time."""

    async def run(self) -> None:
        """Reads until the input ends or this is cancelled."""
        reading: asyncio.Future[bytes] | None = None
        try:
            while not self._is_closed:
                reading = reading or asyncio.ensure_future(self._console.read())
                if self._reader.is_bursting and not await self._comes_soon(reading):
                    self._give(self._reader.end_burst(), count=0)
                data, reading = await reading, None
                self._take(data)
        finally:
            if reading is not None:
                reading.cancel()

    async def _comes_soon(self, reading: "asyncio.Future[bytes]") -> bool:
        """Whether more input comes before the paste counts as over."""
        pause = asyncio.create_task(self._clock.sleep(QUIET_SECONDS))
        try:
            await asyncio.wait((reading, pause), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
        return reading.done()

    def _take(self, data: bytes) -> None:
        if data:
            keys = self._reader.feed(self._decoder.decode(data), self._clock.monotonic())
        else:
            self._is_closed = True
            keys = self._reader.end_burst() if self._reader.is_bursting else []
        self._give(keys, count=len(keys) - data.endswith((b"\r", b"\n")))

    def _give(self, keys: list[KeyPress], *, count: int) -> None:
        self._keys += keys
        self.keys_in_piece = count
        if self._ready is not None:
            self._ready()

    @property
    def closed(self) -> bool:
        return self._is_closed

    def fileno(self) -> int:
        raise NotImplementedError

    def typeahead_hash(self) -> str:
        return self._name

    def read_keys(self) -> list[KeyPress]:
        keys, self._keys = self._keys, []
        return keys

    def flush_keys(self) -> list[KeyPress]:
        self._keys += self._reader.flush()
        return self.read_keys()

    def attach(self, input_ready_callback: Callable[[], None]) -> AbstractContextManager[None]:
        return self._listening(input_ready_callback)

    def detach(self) -> AbstractContextManager[None]:
        return self._listening(None)

    @contextmanager
    def raw_mode(self) -> Iterator[None]:
        self._console.set_mode(TerminalMode.RAW)
        try:
            yield
        finally:
            self._console.set_mode(TerminalMode.COOKED)

    @contextmanager
    def cooked_mode(self) -> Iterator[None]:
        """Nothing: a line above the composer must not flip the mode of a terminal that is far away."""
        yield

    @contextmanager
    def _listening(self, callback: Callable[[], None] | None) -> Iterator[None]:
        previous, self._ready = self._ready, callback
        try:
            if callback is not None and (self._keys or self._is_closed):
                asyncio.get_running_loop().call_soon(callback)
            yield
        finally:
            self._ready = previous
