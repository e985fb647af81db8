"""What only files can do: half lines, strange files, several processes, and a writer that dies."""

import asyncio
import fcntl
import json
import os
import resource
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.json_files import JsonFilesStore, open_json_store
from atmos_ai_sidecar.application.ports.session_archive import SessionImport
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import (
    SchemaTooNewError,
    SessionNotFoundError,
    StorageBusyError,
    StorageCorruptError,
    StorageFullError,
    StorageUnavailableError,
)
from tests.contracts.drafts import PROJECT, draft, texts, user

ROOT = Path(__file__).parents[3]
WRITER = """
import asyncio, pathlib, sys
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.json_files import open_json_store
from atmos_ai_sidecar.errors import SessionExistsError
from tests.contracts.drafts import user, draft, PROJECT

async def main(directory, name, count):
    store = await open_json_store(pathlib.Path(directory), SystemClock())
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


class Opened(Protocol):
    def __call__(self) -> AbstractAsyncContextManager[JsonFilesStore]: ...


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "infra" / ".atmos" / "sessions"


@pytest.fixture
def opened(directory: Path) -> Opened:
    @asynccontextmanager
    async def open_it() -> AsyncIterator[JsonFilesStore]:
        store = await open_json_store(directory, SystemClock(), busy_timeout_seconds=0.2)
        try:
            yield store
        finally:
            await store.close()

    return open_it


def file_of(directory: Path, session_id: str) -> Path:
    return directory / "json" / f"{session_id}.jsonl"


async def start_writer(directory: Path, name: str, count: int) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(directory), name, str(count),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


async def test_a_session_is_one_private_file_of_json_lines(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        await store.append_messages(session.id, [user("größe"), user("two")])
    path = file_of(directory, session.id)
    lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["type"] for line in lines] == ["session", "messages"]
    assert lines[0]["name"] == "vpc-refactor"
    assert [message["blocks"][0]["text"] for message in lines[1]["messages"]] == ["größe", "two"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_half_a_line_of_a_dead_writer_never_counts_and_makes_way(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        await store.append_messages(session.id, [user("one")])
        path = file_of(directory, session.id)
        with path.open("ab") as file:
            file.write(b'{"type":"messages","updated_at":"2026')
        assert texts(await store.newest_messages(session.id, 0)) == ["one"]
        await store.append_messages(session.id, [user("two")])
    async with opened() as store:
        assert texts(await store.newest_messages(session.id, 0)) == ["one", "two"]


async def test_what_another_store_writes_is_seen_at_once(opened: Opened) -> None:
    async with opened() as first, opened() as second:
        session = await first.create_session(draft())
        assert await second.get_session_by_name(PROJECT, "vpc-refactor") == session
        await second.append_messages(session.id, [user("one")])
        await first.append_messages(session.id, [user("two")])
        assert texts(await second.newest_messages(session.id, 0)) == ["one", "two"]
        await first.delete_session(session.id)
        with pytest.raises(SessionNotFoundError):
            await second.get_session(session.id)


async def test_processes_that_write_together_lose_and_reorder_nothing(opened: Opened, directory: Path) -> None:
    async with asyncio.timeout(40):
        writers = [await start_writer(directory, str(name), 25) for name in range(3)]
        await asyncio.gather(*(writer.communicate() for writer in writers))
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    async with opened() as store:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        found = texts(await store.newest_messages(session.id, 0))
    assert len(found) == session.message_count == 150
    for name in range(3):
        own = [text for text in found if text.startswith(f"{name}:")]
        assert own == [f"{name}:{number}:{part}" for number in range(25) for part in "ab"]


async def test_what_was_answered_survives_kill_9(opened: Opened, directory: Path) -> None:
    async with asyncio.timeout(20):
        writer = await start_writer(directory, "w", 1_000_000)
        assert writer.stdout is not None
        answered = [await writer.stdout.readline() for _ in range(50)]
        writer.send_signal(signal.SIGKILL)
        rest = await writer.stdout.read()
        await writer.wait()
    last = int((answered + rest.splitlines())[-1])
    async with opened() as store:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        found = texts(await store.newest_messages(session.id, 0))
    assert len(found) in {2 * (last + 1), 2 * (last + 2)}
    assert found[: 2 * (last + 1)] == [f"w:{number}:{part}" for number in range(last + 1) for part in "ab"]


async def test_a_lock_of_another_process_is_busy_for_writers_only(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        with (directory / "json" / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with pytest.raises(StorageBusyError):
                await store.append_messages(session.id, [user("hello")])
            assert await store.get_session(session.id) == session
        await store.append_messages(session.id, [user("hello")])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"not json\n", StorageCorruptError),
        (b'{"type":"messages","format":1,"messages":[],"updated_at":"2026","request_id":""}\n', StorageCorruptError),
        (b'{"type":"session","format":2,"invented":"later"}\n', SchemaTooNewError),
        (b"[" * 100_000 + b"\n", StorageCorruptError),
    ],
)  # fmt: skip
async def test_a_file_that_is_not_ours_is_refused_by_name_and_not_changed(
    opened: Opened, directory: Path, content: bytes, kind: type[Exception]
) -> None:
    async with opened() as store:
        strange = file_of(directory, "strange")
        strange.write_bytes(content)
        with pytest.raises(kind, match=r"strange\.jsonl"):
            await store.list_sessions(PROJECT, limit=1)
    assert strange.read_bytes() == content


async def test_a_session_file_that_is_a_link_is_not_followed(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        path = file_of(directory, session.id)
        file_of(directory, "link").symlink_to(path)
        with pytest.raises(StorageUnavailableError):
            await store.list_sessions(PROJECT, limit=1)


@pytest.mark.parametrize("session_id", ["../json/x", "/etc/passwd", "", ".", "a\x00b"])
async def test_an_id_is_never_a_path(opened: Opened, session_id: str) -> None:
    async with opened() as store:
        with pytest.raises(SessionNotFoundError):
            await store.get_session(SessionId(session_id))


async def test_a_file_that_is_removed_takes_its_turns_with_it(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        await store.begin_turn(session.id, "turn-1", "owner-1")
        await store.append_events(session.id, "turn-1", [TextDelta(text="a")])
        file_of(directory, session.id).unlink()
        assert await store.open_turns() == ()
        with pytest.raises(SessionNotFoundError):
            await store.newest_messages(session.id, 0)


async def test_a_file_that_replaced_another_counts_alone(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        old = await store.create_session(draft())
        path = file_of(directory, old.id)
        content = path.read_bytes()
        new = await store.import_session(SessionImport(draft=draft(), messages=[user("new")]), overwrite=True)
        # As after a crash between the new file and the removal of the old one.
        path.write_bytes(content)
        assert [session.id for session in (await store.list_sessions(PROJECT, limit=9)).sessions] == [new.id]


async def test_a_full_disk_is_a_clear_error_and_leaves_no_half_line(opened: Opened, directory: Path) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        path = file_of(directory, session.id)
        before = path.read_bytes()
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 1000, limits[1]))
        try:
            with pytest.raises(StorageFullError):
                await store.append_messages(session.id, [user("x" * 5000)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            signal.signal(signal.SIGXFSZ, handler)
        assert path.read_bytes() == before
        await store.append_messages(session.id, [user("after")])
        assert texts(await store.newest_messages(session.id, 0)) == ["after"]
