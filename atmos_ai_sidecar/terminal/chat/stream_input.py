"""prompt_toolkit's input over a console: no file descriptor, no pipe, nothing read before it is wanted."""

import asyncio
import codecs
import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prompt_toolkit.input.base import Input
from prompt_toolkit.input.vt100_parser import Vt100Parser
from prompt_toolkit.key_binding import KeyPress

from atmos_ai_sidecar.application.ports.console import Console, TerminalMode

_NUMBERS = itertools.count(1)


class StreamInput(Input):
    """Keys of one console. ``run`` has to be running while keys are wanted."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._keys: list[KeyPress] = []
        self._parser = Vt100Parser(self._keys.append)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._name = f"console-{next(_NUMBERS)}"
        self._is_closed = False
        self._ready: Callable[[], None] | None = None
        self.keys_in_piece = 0
        """How many keys the newest piece of input held, but for a last Enter: a person presses one at a time."""

    async def run(self) -> None:
        """Reads until the input ends or this is cancelled."""
        while not self._is_closed:
            data = await self._console.read()
            before = len(self._keys)
            if data:
                self._parser.feed(self._decoder.decode(data))
            else:
                self._is_closed = True
            self.keys_in_piece = len(self._keys) - before - data.endswith((b"\r", b"\n"))
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
        keys = self._keys[:]
        self._keys.clear()  # the parser holds on to the list
        return keys

    def flush_keys(self) -> list[KeyPress]:
        self._parser.flush()
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
