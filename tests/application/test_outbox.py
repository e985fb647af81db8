import asyncio
from collections.abc import Sequence

import pytest

from atmos_ai_sidecar.application.outbox import COALESCE_SECONDS, MAX_PIECE_CHARACTERS, Outbox, coalesced
from atmos_ai_sidecar.domain.events import TextDelta, ThinkingDelta, ToolCallOutput, TurnEvent, UsageReported
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.tools import OutputPiece
from atmos_ai_sidecar.errors import StorageFullError
from tests.fakes.clock import FakeClock

USAGE = UsageReported(usage=Usage())


def output(call: str, text: str) -> ToolCallOutput:
    return ToolCallOutput(tool_call_id=call, piece=OutputPiece(stream="stdout", text=text))


class Published:
    def __init__(self) -> None:
        self.batches: list[Sequence[TurnEvent]] = []
        self.arrived = asyncio.Event()

    async def __call__(self, events: Sequence[TurnEvent]) -> None:
        self.batches.append(events)
        self.arrived.set()

    async def next(self) -> None:
        await self.arrived.wait()
        self.arrived.clear()


def test_neighbouring_deltas_of_one_kind_are_joined_in_order() -> None:
    events = (TextDelta(text="a"), TextDelta(text="b"), ThinkingDelta(thinking="c"), TextDelta(text="d"))
    assert coalesced(events) == [TextDelta(text="ab"), ThinkingDelta(thinking="c"), TextDelta(text="d")]


def test_output_of_different_calls_is_never_joined() -> None:
    events = (output("x", "1"), output("x", "2"), output("y", "3"))
    assert coalesced(events) == [output("x", "12"), output("y", "3")]


def test_no_joined_piece_is_longer_than_a_piece_may_be() -> None:
    pieces = coalesced([TextDelta(text="x" * 1000)] * 100)
    assert "".join(piece.text for piece in pieces if isinstance(piece, TextDelta)) == "x" * 100_000
    assert all(isinstance(piece, TextDelta) and len(piece.text) <= MAX_PIECE_CHARACTERS for piece in pieces)


async def test_a_delta_after_a_pause_goes_out_at_once_and_those_that_follow_it_together() -> None:
    published, clock = Published(), FakeClock()
    outbox = Outbox(published, clock)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(outbox.run())
        outbox.put(TextDelta(text="a"))
        await published.next()
        outbox.put(TextDelta(text="b"))
        await clock.wait_for_sleepers(1)
        outbox.put(TextDelta(text="c"))
        clock.advance(COALESCE_SECONDS)
        await published.next()
        clock.advance(COALESCE_SECONDS)
        outbox.put(TextDelta(text="d"))
        await published.next()
        outbox.close()
    assert published.batches == [[TextDelta(text="a")], [TextDelta(text="bc")], [TextDelta(text="d")]]
    assert clock.sleeps == [COALESCE_SECONDS]


async def test_deltas_that_come_without_a_pause_are_published_no_more_often_than_that() -> None:
    published, clock = Published(), FakeClock(jumps=True)
    outbox = Outbox(published, clock)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(outbox.run())
        for _ in range(10):
            outbox.put(TextDelta(text="x"))
            await published.next()
        outbox.close()
    assert clock.monotonic() == pytest.approx(9 * COALESCE_SECONDS)


async def test_other_events_go_out_at_once_with_the_deltas_before_them() -> None:
    published = Published()
    outbox = Outbox(published, FakeClock())
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(outbox.run())
        outbox.put(TextDelta(text="a"))
        outbox.put(USAGE)
        await published.arrived.wait()
        outbox.close()
    assert published.batches == [[TextDelta(text="a"), USAGE]]


async def test_closing_publishes_what_is_left() -> None:
    published = Published()
    outbox = Outbox(published, FakeClock())
    outbox.put(TextDelta(text="last words"))
    outbox.close()
    async with asyncio.timeout(5):
        await outbox.run()
    assert published.batches == [[TextDelta(text="last words")]]


async def test_events_that_could_not_be_published_are_still_there() -> None:
    async def refuse(events: Sequence[TurnEvent]) -> None:
        raise StorageFullError("The disk is full.")

    outbox = Outbox(refuse, FakeClock())
    outbox.put(USAGE)
    with pytest.raises(StorageFullError):
        await outbox.run()
    assert outbox.take() == [USAGE]
