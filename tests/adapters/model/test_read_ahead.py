import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model.read_ahead import AHEAD_EVENTS, ReadAhead


class Source:
    """Numbered events; waits for ``gate`` after ``before_gate`` of them, and fails at the end if it shall."""

    def __init__(self, count: int, *, before_gate: int | None = None, failure: Exception | None = None) -> None:
        self.sent = 0
        self.gate = asyncio.Event()
        self.is_cancelled = False
        self._count, self._before_gate, self._failure = count, before_gate, failure

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        try:
            for number in range(self._count):
                if number == self._before_gate:
                    await self.gate.wait()
                self.sent += 1
                yield {"number": number}
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise
        if self._failure is not None:
            raise self._failure


async def taken(ahead: ReadAhead) -> list[int]:
    numbers: list[int] = []
    async with asyncio.timeout(5):
        while True:
            await ahead.wait()
            event = ahead.take()
            if event is None:
                return numbers
            numbers.append(event["number"])


async def test_every_event_comes_once_and_in_order() -> None:
    async with ReadAhead(Source(10 * AHEAD_EVENTS).events()) as ahead:
        assert await taken(ahead) == list(range(10 * AHEAD_EVENTS))
        assert ahead.take() is None


async def test_no_more_is_read_ahead_than_allowed() -> None:
    source = Source(10 * AHEAD_EVENTS)
    async with ReadAhead(source.events()) as ahead:
        await ahead.wait()
        for _ in range(5):
            await asyncio.sleep(0)
        assert source.sent == AHEAD_EVENTS
        assert await taken(ahead) == list(range(10 * AHEAD_EVENTS))


async def test_what_came_before_a_failure_is_taken_first() -> None:
    async with ReadAhead(Source(3, failure=ConnectionError("cut")).events()) as ahead:
        await ahead.wait()
        assert [ahead.take() for _ in range(3)] == [{"number": 0}, {"number": 1}, {"number": 2}]
        await ahead.wait()
        with pytest.raises(ConnectionError, match="cut"):
            ahead.take()


async def test_nothing_can_be_taken_while_the_sender_is_silent() -> None:
    source = Source(2, before_gate=1)
    async with ReadAhead(source.events()) as ahead:
        await ahead.wait()
        assert ahead.take() == {"number": 0}
        assert ahead.must_wait
        source.gate.set()
        assert await taken(ahead) == [1]


async def test_reading_ends_with_the_context() -> None:
    source = Source(2, before_gate=1)
    async with ReadAhead(source.events()) as ahead:
        await ahead.wait()
        assert ahead.take() == {"number": 0}
    assert source.is_cancelled
