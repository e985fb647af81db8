import asyncio

import pytest

from atmos_ai_sidecar.terminal.waiting_line import waiting_line
from tests.fakes.clock import FakeClock
from tests.fakes.console import FakeConsole


async def test_the_line_counts_seconds_and_leaves_nothing() -> None:
    console, clock = FakeConsole(), FakeClock()
    async with asyncio.timeout(5), waiting_line(console, clock, "importing", may_move=True):
        for seconds, text in ((0.3, "importing … 0 s"), (2, "importing … 2 s")):
            await clock.wait_for_sleepers()
            clock.advance(seconds)
            await clock.wait_for_sleepers()
            assert console.stderr.decode().endswith(f"\r\x1b[K{text}")
    assert console.stderr.endswith(b"\r\x1b[K")


async def test_what_is_done_soon_needs_no_word() -> None:
    console, clock = FakeConsole(), FakeClock()
    async with asyncio.timeout(5), waiting_line(console, clock, "importing", may_move=True):
        await clock.wait_for_sleepers()
        clock.advance(0.2)
    assert console.stderr == b""


async def test_where_the_cursor_may_not_move_the_line_stands_once() -> None:
    console, clock = FakeConsole(), FakeClock(jumps=True)
    async with waiting_line(console, clock, "importing", may_move=False):
        await console.wait_for("Importing…")
    assert console.stderr.decode() == "Importing…\n"


async def test_nothing_is_said_into_a_file() -> None:
    console, clock = FakeConsole(stderr_is_terminal=False), FakeClock()
    async with waiting_line(console, clock, "importing", may_move=True):
        assert clock.sleeps == []
    assert console.stderr == b""


async def test_an_error_clears_the_line() -> None:
    async def fail(console: FakeConsole) -> None:
        async with waiting_line(console, FakeClock(jumps=True, longest_jump=0.3), "importing", may_move=True):
            await console.wait_for("importing … 0 s")
            raise ValueError("broken")

    console = FakeConsole()
    with pytest.raises(ValueError, match="broken"):
        await fail(console)
    assert console.stderr.endswith(b"\r\x1b[K")
