# ruff: noqa: ASYNC240 - small local files, and nothing else runs on the loop
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.sqlite.migrations import MIGRATIONS, Migration
from atmos_ai_sidecar.adapters.sqlite.schema import checked_version, migrate
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.errors import SchemaTooNewError, StorageCorruptError
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import draft, user
from tests.fakes.clock import START

SEED_COLUMNS = {
    "sessions": ["id", "name", "project_path", "model", "provider", "created_at", "updated_at", "metadata"],
    "messages": ["id", "session_id", "role", "content", "created_at"],
    "session_context": ["session_id", "context_type", "context_key", "context_value"],
}
CHECKSUMS = ["152f5a3c", "98d45da9", "760bd8a4", "8c03cfb2", "817e425b", "fc00cfef"]


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


async def refused(opened: Opened, path: Path, kind: type[Exception], match: str) -> None:
    """Checks that the file is refused and stays byte for byte as it was."""
    before = path.read_bytes()
    with pytest.raises(kind, match=match):
        async with opened():
            pass
    assert path.read_bytes() == before


async def test_the_tables_have_the_columns_of_the_original_design_first(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    with closing(sqlite3.connect(path)) as connection:
        for table, columns in SEED_COLUMNS.items():
            found = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            assert found[: len(columns)] == columns


async def test_an_opened_store_is_in_wal_mode_and_sound(opened: Opened, path: Path) -> None:
    async with opened() as store:
        await store.create_session(draft())
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


async def test_a_store_is_opened_again_with_what_it_had(opened: Opened) -> None:
    async with opened() as store:
        created = await store.create_session(draft())
    async with opened() as store:
        assert await store.get_session(created.id) == created


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("CREATE TRIGGER planted AFTER INSERT ON messages BEGIN DELETE FROM sessions; END", "planted"),
        ("CREATE VIEW planted AS SELECT 1", "planted"),
        ("CREATE TABLE planted (a)", "planted"),
        ("CREATE INDEX planted ON messages (role)", "planted"),
        ("DROP INDEX turns_open", "turns_open"),
        ("ALTER TABLE messages ADD COLUMN extra TEXT", "messages"),
        ("DROP TABLE schema_migrations", "schema_migrations"),
    ],
)
async def test_a_schema_that_is_not_ours_is_refused_by_name(
    opened: Opened, path: Path, statement: str, name: str
) -> None:
    async with opened():
        pass
    execute(path, statement)
    await refused(opened, path, StorageCorruptError, name)


async def test_a_planted_object_cannot_hide_behind_a_reserved_name(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    execute(
        path,
        "CREATE TRIGGER planted AFTER INSERT ON messages BEGIN DELETE FROM sessions; END",
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = 'sqlite_planted' WHERE name = 'planted'",
    )
    await refused(opened, path, StorageCorruptError, "sqlite_planted")


async def test_statistics_that_sqlite_keeps_are_ours(opened: Opened, path: Path) -> None:
    async with opened() as store:
        await store.create_session(draft())
    execute(path, "ANALYZE")
    async with opened():
        pass


async def test_a_database_of_another_program_is_refused_and_not_changed(opened: Opened, path: Path) -> None:
    path.parent.mkdir(parents=True)
    execute(path, "CREATE TABLE photos (id)")
    await refused(opened, path, StorageCorruptError, "photos")


async def test_a_newer_schema_is_refused_and_not_changed(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    execute(path, "CREATE TABLE invented_later (id)", "PRAGMA user_version = 999")
    await refused(opened, path, SchemaTooNewError, "999")


async def test_migrations_with_another_checksum_are_refused(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    execute(path, "UPDATE schema_migrations SET checksum = 'x'")
    await refused(opened, path, StorageCorruptError, "migrations")


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to be one" * 100, b"SQLite format 3\x00" + b"\x01" * 4096]
)
async def test_a_file_that_is_no_database_is_refused_and_not_changed(
    opened: Opened, path: Path, content: bytes
) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    await refused(opened, path, StorageCorruptError, "cannot be trusted")


async def test_a_damaged_database_is_refused(opened: Opened, path: Path) -> None:
    async with opened() as store:
        await store.create_session(draft())
    content = bytearray(path.read_bytes())
    content[100:1024] = b"\xff" * 924
    path.write_bytes(content)
    await refused(opened, path, StorageCorruptError, "cannot be trusted")


@pytest.mark.parametrize("column", ["blocks = 'x'", "blocks = '[{}]'", "created_at = 'noon'", "usage = '{\"a\": 1}'"])
async def test_a_row_that_we_did_not_write_is_reported_as_corrupt(opened: Opened, path: Path, column: str) -> None:
    async with opened() as store:
        session = await store.create_session(draft())
        await store.append_messages(session.id, [user("hello")])
        execute(path, f"UPDATE messages SET {column}")
        with pytest.raises(StorageCorruptError, match="unreadable"):
            await store.newest_messages(session.id, 0)


def test_an_older_schema_is_brought_up_step_by_step() -> None:
    added = Migration(
        version=len(MIGRATIONS) + 1, name="colours", statements=("ALTER TABLE sessions ADD COLUMN colour TEXT",)
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, ":memory:", START, MIGRATIONS)
        migrate(connection, ":memory:", START, [*MIGRATIONS, added])
        assert checked_version(connection, ":memory:", [*MIGRATIONS, added]) == added.version


def test_the_steps_of_an_older_file_are_counted_and_the_copy_is_one(path: Path) -> None:
    class Told(Progress):
        def step(self) -> None:
            super().step()
            told.append(f"{self.what}: {self.share}")

    path.parent.mkdir(parents=True)
    told, progress = list[str](), Told()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        migrate(connection, str(path), START, MIGRATIONS[:1])
        migrate(connection, str(path), START, MIGRATIONS[:3], progress=progress)
    what = "bringing the stored sessions up to date"
    assert told == [f"{what}: {number} of 3 steps" for number in (1, 2, 3)]
    assert progress == Told()


def test_a_step_that_fails_leaves_the_version_before_it() -> None:
    broken = Migration(
        version=len(MIGRATIONS) + 1,
        name="broken",
        statements=("CREATE TABLE half (id)", "INSERT INTO nowhere VALUES (1)"),
    )
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        migrate(connection, ":memory:", START, MIGRATIONS)
        # What the broken step would make is learnt from an empty database, where it fails just so.
        with pytest.raises(sqlite3.OperationalError, match="nowhere"):
            migrate(connection, ":memory:", START, [*MIGRATIONS, broken])
        assert checked_version(connection, ":memory:", MIGRATIONS) == len(MIGRATIONS)


def test_released_migrations_are_never_changed() -> None:
    assert [step.checksum[:8] for step in MIGRATIONS] == CHECKSUMS
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
