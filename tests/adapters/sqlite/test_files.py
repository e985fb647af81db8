# ruff: noqa: ASYNC240 - small local files, and nothing else runs on the loop
import asyncio
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.errors import StorageUnavailableError
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import draft

NOBODY_UID = 65534


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_folder_and_files_are_private_whatever_the_umask(opened: Opened, path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened() as store:
            await store.create_session(draft())
            modes = {file.name: mode(file) for file in path.parent.iterdir()}
    finally:
        os.umask(before)
    assert modes == {"sidecar.db": 0o600, "sidecar.db-wal": 0o600, "sidecar.db-shm": 0o600}
    assert mode(path.parent) == 0o700
    assert mode(path.parent.parent) == 0o700


async def test_a_file_that_others_may_read_becomes_private(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    path.chmod(0o644)
    async with opened():
        assert mode(path) == 0o600


async def test_a_folder_that_was_there_keeps_its_mode(opened: Opened, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.parent.parent.chmod(0o755)
    async with opened():
        assert mode(path.parent.parent) == 0o755


@pytest.mark.parametrize("link", [".atmos", "sessions", "sidecar.db", "sidecar.db-wal"])
async def test_a_link_in_the_way_is_refused_and_not_followed(
    opened: Opened, path: Path, tmp_path: Path, link: str
) -> None:
    target = tmp_path / "elsewhere"
    if link.startswith("sidecar.db"):
        path.parent.mkdir(parents=True)
        target.write_bytes(b"")
        (path.parent / link).symlink_to(target)
    else:
        (target / "sessions").mkdir(parents=True)
        parent = path.parents[1] if link == ".atmos" else path.parent
        parent.parent.mkdir(parents=True)
        parent.symlink_to(target)
    with pytest.raises(StorageUnavailableError, match="symbolic link"):
        async with opened():
            pass
    assert sorted(found.name for found in tmp_path.rglob("*.db")) == (["sidecar.db"] if link == "sidecar.db" else [])
    assert not target.is_file() or target.read_bytes() == b""


async def test_links_above_the_project_are_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    store = await open_sqlite_store(tmp_path / "link" / ".atmos" / "sidecar.db", SystemClock())
    await store.close()
    assert (tmp_path / "real" / ".atmos" / "sidecar.db").is_file()


@pytest.mark.parametrize("blocker", [".atmos", "sessions"])
async def test_a_file_where_a_folder_should_be_is_a_clear_error(opened: Opened, path: Path, blocker: str) -> None:
    parent = path.parents[1] if blocker == ".atmos" else path.parent
    parent.parent.mkdir(parents=True)
    parent.write_text("mine")
    with pytest.raises(StorageUnavailableError, match=r"sidecar\.db"):
        async with opened():
            pass
    assert parent.read_text() == "mine"


async def test_a_folder_where_the_file_should_be_is_a_clear_error(opened: Opened, path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StorageUnavailableError):
        async with opened():
            pass


async def test_a_file_that_is_removed_while_it_is_open_is_noticed(opened: Opened, path: Path) -> None:
    async with opened() as store:
        path.unlink()
        with pytest.raises(StorageUnavailableError, match="removed or replaced"):
            await store.create_session(draft())
        with pytest.raises(StorageUnavailableError, match="removed or replaced"):
            await store.open_turns()
    assert not path.exists()


READ_ONLY_PROGRAM = """
import asyncio, os, pathlib, sys
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import open_sqlite_store
from atmos_ai_sidecar.errors import StorageUnavailableError

if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)

async def main():
    try:
        await open_sqlite_store(pathlib.Path(sys.argv[1]), SystemClock())
    except StorageUnavailableError as error:
        print(error.reason, error)

asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["folder", "file"])
async def test_what_cannot_be_written_is_a_clear_error(opened: Opened, path: Path, tmp_path: Path, what: str) -> None:
    if what == "file":
        async with opened():
            pass
        path.chmod(0o400)
    else:
        path.parent.mkdir(parents=True)
    content = path.read_bytes() if path.exists() else b""
    for parent in path.parents:
        if parent.is_relative_to(tmp_path.parents[1]):
            parent.chmod(0o555)
    try:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", READ_ONLY_PROGRAM, str(path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        async with asyncio.timeout(20):
            stdout, stderr = await program.communicate()
    finally:
        for parent in path.parents:
            if parent.is_relative_to(tmp_path.parents[1]):
                parent.chmod(0o700)
    assert stderr == b""
    assert stdout.decode().startswith(
        f"STORAGE_UNAVAILABLE The session store {path} cannot be used: Permission denied."
    )
    assert (path.read_bytes() if path.exists() else b"") == content
