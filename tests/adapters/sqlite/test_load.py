"""Several processes and several tasks on one file, and what happens when one of them dies or holds it."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import StorageBusyError, StorageFullError
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import PROJECT, draft, texts, user

WRITER = """
import asyncio, pathlib, sys
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from tests.contracts.drafts import user, draft, PROJECT
from atmos_ai_sidecar.errors import SessionExistsError

async def main(path, name, count):
    store = await open_sqlite_store(pathlib.Path(path), SystemClock())
    try:
        session = await store.create_session(draft())
    except SessionExistsError:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
    for number in range(count):
        await store.append_messages(session.id, [user(f"{name}:{number}:a"), user(f"{name}:{number}:b")])
        print(number, flush=True)
    await store.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""
ROOT = Path(__file__).parents[3]


async def start_writer(path: Path, name: str, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(path), name, str(count),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


async def test_processes_that_start_on_a_new_file_together_lose_and_reorder_nothing(opened: Opened, path: Path) -> None:
    async with asyncio.timeout(40):
        writers = [await start_writer(path, str(name), 25) for name in range(4)]
        await asyncio.gather(*(writer.communicate() for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0]
    async with opened() as store:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        found = texts(await store.newest_messages(session.id, 0))
    assert len(found) == session.message_count == 200
    for name in range(4):
        own = [text for text in found if text.startswith(f"{name}:")]
        assert own == [f"{name}:{number}:{part}" for number in range(25) for part in "ab"]
    assert all(first[:-1] == second[:-1] for first, second in zip(found[::2], found[1::2], strict=True))


async def test_what_was_answered_survives_kill_9(opened: Opened, path: Path) -> None:
    async with asyncio.timeout(20):
        writer = await start_writer(path, "w", 1_000_000)
        assert writer.stdout is not None
        answered = [await writer.stdout.readline() for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        rest = await writer.stdout.read()
        await writer.wait()
    last = int((answered + rest.splitlines())[-1])
    async with opened() as store:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        found = texts(await store.newest_messages(session.id, 0))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert len(found) in {2 * (last + 1), 2 * (last + 2)}
    assert found[: 2 * (last + 1)] == [f"w:{number}:{part}" for number in range(last + 1) for part in "ab"]
    assert session.message_count == len(found)


async def test_a_lock_of_another_process_is_busy_for_writers_and_invisible_to_readers(
    opened: Opened, path: Path
) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageBusyError) as caught:
                await store.append_messages(session.id, [user("hello")])
            assert caught.value.retry_seconds > 0
            assert str(path) in caught.value.message
            assert await store.get_session(session.id) == session
            other.execute("ROLLBACK")
        await store.append_messages(session.id, [user("hello")])
        assert texts(await store.newest_messages(session.id, 0)) == ["hello"]


async def test_reads_go_on_while_a_write_waits(opened: Opened, path: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            write = asyncio.create_task(store.append_messages(session.id, [user("hello")]))
            assert await store.get_session(session.id) == session
            assert not write.done()
            other.execute("ROLLBACK")
            await write


async def test_a_store_that_is_locked_while_it_is_created_is_busy(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageBusyError):
            await open_sqlite_store(path, SystemClock(), busy_timeout_seconds=0.1)
        other.execute("ROLLBACK")
    store = await open_sqlite_store(path, SystemClock())
    await store.close()


async def test_without_space_a_write_fails_as_a_whole_and_the_rest_stays_readable(opened: Opened) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        await store.append_messages(session.id, [user("before")])
        pages = await store._database.write(lambda connection: connection.execute("PRAGMA page_count").fetchone()[0])
        await store._database.write(
            lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
        )
        with pytest.raises(StorageFullError):
            await store.append_messages(session.id, [user("small"), user("x" * 100_000)])
        assert texts(await store.newest_messages(session.id, 0)) == ["before"]
        await store._database.write(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
        await store.append_messages(session.id, [user("after")])
        assert (await store.get_session(session.id)).message_count == 2


async def test_a_cancelled_write_is_whole_or_not_there(opened: Opened) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        for number in range(20):
            task = asyncio.create_task(store.append_messages(session.id, [user(f"{number}a"), user(f"{number}b")]))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        found = texts(await store.newest_messages(session.id, 0))
    assert len(found) % 2 == 0
    assert all(first[:-1] == second[:-1] for first, second in zip(found[::2], found[1::2], strict=True))


async def test_closing_waits_for_writes_empties_the_log_and_may_be_repeated(opened: Opened, path: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        writes = [asyncio.create_task(store.append_messages(session.id, [user(str(n))])) for n in range(20)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*writes)
        await store.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["sidecar.db"]
    async with opened() as store:
        assert len(await store.newest_messages(SessionId(session.id), 0)) == 20
