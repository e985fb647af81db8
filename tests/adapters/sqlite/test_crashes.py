"""A process that dies at every kind of write leaves a sound database with all of a write or nothing of it."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from atmos_ai_sidecar.domain.events import SessionEvent, StopReason, TextDelta, TurnFinished
from atmos_ai_sidecar.domain.sessions import Session
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import PROJECT, draft, texts, user

ROOT = Path(__file__).parents[3]
STEPS = ["session", "begin", "messages", "events", "request", "finish", "import", "clean"]
PROGRAM = """
import asyncio, pathlib, sys
from datetime import timedelta
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.domain.events import StopReason, TextDelta, TurnFinished
from tests.contracts.drafts import PROJECT, draft, permission_request, user

async def main(path):
    clock = SystemClock()
    store = await open_sqlite_store(pathlib.Path(path), clock)
    session = await store.create_session(draft())
    print("session", flush=True)
    await store.begin_turn(session.id, "turn-1", "owner-1")
    print("begin", flush=True)
    await store.append_messages(session.id, [user("vpc one"), user("vpc two")], request_id="m-1")
    print("messages", flush=True)
    await store.append_events(session.id, "turn-1", [TextDelta(text="a"), TextDelta(text="b")])
    print("events", flush=True)
    await store.add_request(permission_request("p-1", session_id=session.id), owner="owner-1")
    print("request", flush=True)
    await store.append_events(session.id, "turn-1", [TurnFinished(stop_reason=StopReason.END_TURN)])
    print("finish", flush=True)
    await store.import_session(SessionImport(draft=draft("imported"), messages=[user("vpc three")] * 3))
    print("import", flush=True)
    await store.clean_sessions(PROJECT, before=clock.now() + timedelta(days=1))
    print("clean", flush=True)

asyncio.run(main(sys.argv[1]))
"""
PLACES = [
    ("session.{}", 1, 0),
    ("journal.{}", 1, 1),
    ("message.{}", 1, 2),
    ("journal.{}", 2, 3),
    ("request.{}", 1, 4),
    ("journal.{}", 3, 5),
    ("archive.{}", 1, 6),
    ("archive.{}", 2, 7),
]
"""Failpoint, the time it is hit, and how many steps were answered before."""


@pytest.mark.parametrize("moment", ["begin", "commit", "committed"])
@pytest.mark.parametrize("place", PLACES, ids=STEPS)
async def test_kill_9_at_a_write_keeps_what_was_answered_and_no_half_of_the_rest(
    opened: Opened, path: Path, place: tuple[str, int, int], moment: str
) -> None:
    point, time, answered = place
    async with asyncio.timeout(20):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ATMOS_AI_FAILPOINTS": f"{point.format(moment)}=kill@{time}"},
        )  # fmt: skip
        stdout, _ = await program.communicate()
    assert program.returncode == -signal.SIGKILL
    assert stdout.decode().split() == STEPS[:answered]
    done = answered + (moment == "committed")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.execute("INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)")
    async with opened() as store:
        names = [session.name for session in (await store.list_sessions(PROJECT, limit=9)).sessions]
        expected_names = [["vpc-refactor"], ["vpc-refactor"], ["imported", "vpc-refactor"], ["imported"]]
        assert names == ([] if done == 0 else expected_names[max(0, done - 5)])
        if "vpc-refactor" in names:
            session = await store.get_session_by_name(PROJECT, "vpc-refactor")
            assert len(await store.open_turns()) == (2 <= done < 6)
            assert texts(await store.newest_messages(session.id, 0)) == (["vpc one", "vpc two"] if done > 2 else [])
            events = await store.read_events(session.id, after_seq=0, limit=9)
            check_events(session, events, (done > 3) * 2 + (done > 5))
            assert len((await store.list_requests(limit=9))[0]) == (done > 4)
        hits = await store.search_messages(PROJECT, ["vpc"], limit=9)
        assert len(hits.hits) == (0, 0, 0, 2, 2, 2, 2, 5, 3)[done]
        fresh = await store.create_session(draft("fresh"))
        await store.append_messages(fresh.id, [user("goes on")])


def check_events(session: Session, events: Sequence[SessionEvent], count: int) -> None:
    expected = [TextDelta(text="a"), TextDelta(text="b"), TurnFinished(stop_reason=StopReason.END_TURN)]
    assert [item.event for item in events] == expected[:count]
    assert [item.seq for item in events] == list(range(1, count + 1))
    assert session.name == "vpc-refactor"
