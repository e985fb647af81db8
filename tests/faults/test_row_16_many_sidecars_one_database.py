"""Row 16: many processes with turns on one file. Nothing is lost, reordered or told to be locked."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.domain.events import TextDelta, TurnFinished
from tests.contracts.drafts import PROJECT, texts
from tests.e2e.conftest import SHIM, Project

ROOT = Path(__file__).parents[2]
PROCESSES = 8
SHORT_TURNS, LONG_TURNS = 15, 200
LONG_SECONDS = 60
MAX_P99_SECONDS = 1.0
PROGRAM = """
import asyncio, json, pathlib, sys, time
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.domain.events import StopReason, TextDelta, TurnFinished
from atmos_ai_sidecar.errors import SessionExistsError
from tests.contracts.drafts import PROJECT, draft, user

async def main(path, name, turns, pace):
    store = await open_sqlite_store(pathlib.Path(path), SystemClock())
    try:
        shared = await store.create_session(draft("shared"))
    except SessionExistsError:
        shared = await store.get_session_by_name(PROJECT, "shared")
    own = await store.create_session(draft(f"own-{name}"))
    took = []
    begin = time.monotonic()

    async def timed(write):
        start = time.monotonic()
        await write
        took.append(time.monotonic() - start)

    for number in range(turns):
        await asyncio.sleep(max(0.0, begin + number * pace - time.monotonic()))
        turn = f"{name}-{number}"
        await timed(store.begin_turn(own.id, turn, f"owner-{name}"))
        await timed(store.append_messages(own.id, [user(turn)]))
        for piece in range(3):
            await timed(store.append_events(own.id, turn, [TextDelta(text=f"{turn}-{piece}")]))
        await timed(store.append_messages(shared.id, [user(turn)]))
        await timed(store.append_events(own.id, turn, [TurnFinished(stop_reason=StopReason.END_TURN)]))
    await store.close()
    print(json.dumps(took))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
"""


async def load(path: Path, turns: int, *, seconds: float = 0.0) -> Sequence[float]:
    """Runs the turns in every process and returns how long each write took, shortest first."""

    async def run(name: int) -> list[float]:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(path), str(name), str(turns), str(seconds / turns),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        stdout, _ = await program.communicate()
        assert program.returncode == 0
        took: list[float] = json.loads(stdout)
        return took

    writes = sorted(took for process in await asyncio.gather(*map(run, range(PROCESSES))) for took in process)
    assert len(writes) == PROCESSES * turns * 7
    return writes


async def check_that_all_is_there_in_order(path: Path, count: int) -> None:
    store = await open_sqlite_store(path, SystemClock())
    shared = await store.get_session_by_name(PROJECT, "shared")
    found = texts(await store.newest_messages(shared.id, 0))
    for name in range(PROCESSES):
        turns = [f"{name}-{number}" for number in range(count)]
        assert [text for text in found if text.startswith(f"{name}-")] == turns
        own = await store.get_session_by_name(PROJECT, f"own-{name}")
        assert texts(await store.newest_messages(own.id, 0)) == turns
        events = await store.read_events(own.id, after_seq=0, limit=100_000)
        assert [item.seq for item in events] == list(range(1, count * 4 + 1))
        pieces = [item.event.text for item in events if isinstance(item.event, TextDelta)]
        assert pieces == [f"{turn}-{piece}" for turn in turns for piece in range(3)]
        assert sum(isinstance(item.event, TurnFinished) for item in events) == count
    assert await store.open_turns() == ()
    await store.close()


async def test_eight_processes_with_turns_lose_and_reorder_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sidecar.db"
    async with asyncio.timeout(55):
        await load(path, SHORT_TURNS)
    await check_that_all_is_there_in_order(path, SHORT_TURNS)


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_eight_processes_with_200_turns_in_a_minute_wait_less_than_a_second_to_write(tmp_path: Path) -> None:
    path = tmp_path / "sidecar.db"
    writes = await load(path, LONG_TURNS, seconds=LONG_SECONDS)
    p99 = writes[len(writes) * 99 // 100]
    sys.stdout.write(f"\nrow 16: {len(writes)} writes, p99 {p99 * 1000:.0f} ms, longest {writes[-1] * 1000:.0f} ms\n")
    assert p99 < MAX_P99_SECONDS
    await check_that_all_is_there_in_order(path, LONG_TURNS)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_eight_shims_ask_in_their_own_sessions_of_one_database(demo: Project) -> None:
    turns_each = 25

    def ask(name: int) -> list[str]:
        problems: list[str] = []
        for number in range(turns_each):
            command = (SHIM, "ask", "--session", f"own-{name}", f"Question {number} of {name}?")
            done = subprocess.run(
                command, cwd=demo.directory, env=demo.environment, capture_output=True, text=True, check=False
            )
            if done.returncode or "locked" in done.stderr:
                problems.append(f"{done.returncode}: {done.stderr}")
        return problems

    begin = time.monotonic()
    with ThreadPoolExecutor(PROCESSES) as pool:
        problems = [problem for found in pool.map(ask, range(PROCESSES)) for problem in found]
    sys.stdout.write(f"\nrow 16: {PROCESSES * turns_each} asks in {time.monotonic() - begin:.0f} s\n")
    assert problems == []
    with closing(sqlite3.connect(demo.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        for name in range(PROCESSES):
            asked = [
                row[0]
                for row in database.execute(
                    "SELECT content FROM messages JOIN sessions ON sessions.id = session_id "
                    "WHERE name = ? AND role = 'user' AND content <> '' ORDER BY messages.id",
                    (f"own-{name}",),
                )
            ]
            assert asked == [f"Question {number} of {name}?" for number in range(turns_each)]
