"""Eight sidecars with turns on one file. ``ATMOS_AI_LOAD_TURNS=200`` makes it the long run."""

import asyncio
import json
import os
import sys
from pathlib import Path

from atmos_ai_sidecar.domain.events import TextDelta, TurnFinished
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import PROJECT, texts

ROOT = Path(__file__).parents[3]
PROCESSES = 8
TURNS = int(os.environ.get("ATMOS_AI_LOAD_TURNS", "25"))
MAX_P99_SECONDS = 1.0
PROGRAM = """
import asyncio, json, pathlib, sys, time
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.domain.events import StopReason, TextDelta, TurnFinished
from atmos_ai_sidecar.errors import SessionExistsError
from tests.contracts.drafts import PROJECT, draft, user

async def main(path, name, turns):
    store = await open_sqlite_store(pathlib.Path(path), SystemClock())
    try:
        shared = await store.create_session(draft("shared"))
    except SessionExistsError:
        shared = await store.get_session_by_name(PROJECT, "shared")
    own = await store.create_session(draft(f"own-{name}"))
    took = []

    async def timed(write):
        start = time.monotonic()
        await write
        took.append(time.monotonic() - start)

    for number in range(turns):
        turn = f"{name}-{number}"
        await timed(store.begin_turn(own.id, turn, f"owner-{name}"))
        await timed(store.append_messages(own.id, [user(turn)]))
        for piece in range(3):
            await timed(store.append_events(own.id, turn, [TextDelta(text=f"{turn}-{piece}")]))
        await timed(store.append_messages(shared.id, [user(turn)]))
        await timed(store.append_events(own.id, turn, [TurnFinished(stop_reason=StopReason.END_TURN)]))
    await store.close()
    print(json.dumps(took))

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def test_eight_processes_with_turns_lose_and_reorder_nothing_and_wait_less_than_a_second(
    opened: Opened, path: Path
) -> None:
    async def run(name: int) -> list[float]:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(path), str(name), str(TURNS),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        stdout, _ = await program.communicate()
        assert program.returncode == 0
        took: list[float] = json.loads(stdout)
        return took

    async with asyncio.timeout(55):
        writes = sorted(took for process in await asyncio.gather(*map(run, range(PROCESSES))) for took in process)
    assert len(writes) == PROCESSES * TURNS * 7
    assert writes[len(writes) * 99 // 100] < MAX_P99_SECONDS
    async with opened() as store:
        shared = await store.get_session_by_name(PROJECT, "shared")
        found = texts(await store.newest_messages(shared.id, 0))
        for name in range(PROCESSES):
            turns = [f"{name}-{number}" for number in range(TURNS)]
            assert [text for text in found if text.startswith(f"{name}-")] == turns
            own = await store.get_session_by_name(PROJECT, f"own-{name}")
            assert texts(await store.newest_messages(own.id, 0)) == turns
            events = await store.read_events(own.id, after_seq=0, limit=100_000)
            assert [item.seq for item in events] == list(range(1, TURNS * 4 + 1))
            pieces = [item.event.text for item in events if isinstance(item.event, TextDelta)]
            assert pieces == [f"{turn}-{piece}" for turn in turns for piece in range(3)]
            assert sum(isinstance(item.event, TurnFinished) for item in events) == TURNS
        assert await store.open_turns() == ()
