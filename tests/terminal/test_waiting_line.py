import asyncio

import pytest

from atmos_ai_sidecar.application.progress import Progress
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


async def test_how_much_is_done_is_shown_where_it_is_known() -> None:
    console, clock, progress = FakeConsole(), FakeClock(), Progress()
    async with asyncio.timeout(5), waiting_line(console, clock, "importing", progress, may_move=True):
        for columns, done, text in (
            (80, 0, "importing … 0 s"),
            (80, 3, "importing … [======              ] 3 of 10 sessions, 1 s"),
            (80, 12, "importing … [====================] 10 of 10 sessions, 2 s"),
            (30, 3, "importing … 3 of 10 sessions…"),
        ):
            if done:
                progress.begin(10, "sessions")
                progress.done = done
            console.resize(columns, 24)
            await clock.wait_for_sleepers()
            clock.advance(0.5)
            await clock.wait_for_sleepers()
            assert console.stderr.decode().endswith(f"\r\x1b[K{text}")
        progress.begin(2, "steps", what="copying \x1b[2J")
        await clock.wait_for_sleepers()
        clock.advance(0.5)
        await clock.wait_for_sleepers()
        assert "copying \\x1b[2J" in console.stderr.decode()


async def test_the_line_makes_room_for_what_others_say() -> None:
    console, clock = FakeConsole(), FakeClock()
    async with asyncio.timeout(5), waiting_line(console, clock, "importing", may_move=True) as line:
        await clock.wait_for_sleepers()
        clock.advance(0.3)
        await clock.wait_for_sleepers()
        with line.aside():
            console.write_error(b"Trust it? ")
            clock.advance(5)
            await clock.wait_for_sleepers()
            assert console.stderr.endswith(b"importing \xe2\x80\xa6 0 s\r\x1b[KTrust it? ")
        clock.advance(0.5)
        await clock.wait_for_sleepers()
        assert console.stderr.decode().endswith("\r\x1b[Kimporting … 6 s")


async def test_where_the_cursor_may_not_move_lines_that_stay_say_it_now_and_then() -> None:
    console, clock, progress = FakeConsole(), FakeClock(), Progress()
    async with asyncio.timeout(5), waiting_line(console, clock, "importing", progress, may_move=False):
        for seconds in (1, 5):
            await clock.wait_for_sleepers()
            clock.advance(seconds)
            await clock.wait_for_sleepers()
            progress.begin(4, "sessions")
    assert console.stderr.decode() == "Importing… 1 s\nImporting… 0 of 4 sessions, 6 s\n"


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
