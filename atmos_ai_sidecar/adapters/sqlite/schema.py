"""Brings a database to our newest schema, and refuses one that is not exactly ours."""

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from atmos_ai_sidecar.adapters.sqlite.backups import back_up
from atmos_ai_sidecar.adapters.sqlite.migrations import MIGRATIONS, Migration
from atmos_ai_sidecar.adapters.sqlite.transactions import transaction
from atmos_ai_sidecar.adapters.storage.problems import corrupt
from atmos_ai_sidecar.adapters.storage.values import to_text_time
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.errors import SchemaTooNewError

_TABLE = """
    CREATE TABLE schema_migrations (
        version INTEGER PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL
    )
"""
# Statistics are the only objects that SQLite adds by itself; any other name, also a reserved one, may be planted.
_OBJECTS = "SELECT type, name, sql FROM sqlite_master WHERE NOT (type = 'table' AND name GLOB 'sqlite_stat[14]')"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_APPLIED = "SELECT version, checksum FROM schema_migrations ORDER BY version"
_RECORD = "INSERT INTO schema_migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)"


def checked_version(connection: sqlite3.Connection, path: str, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """The version of a schema that is exactly what our migrations make; 0 for an empty database. Changes nothing.

    Raises:
        SchemaTooNewError: A newer version of this program wrote the file.
        StorageCorruptError: It has an object that is not ours, lacks one, or was made by other migrations.
    """
    with transaction(connection):
        return _checked_version(connection, path, migrations)


def migrate(
    connection: sqlite3.Connection,
    path: str,
    now: datetime,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    progress: Progress | None = None,
) -> None:
    """Applies what is missing, each step in a transaction of its own; raises as ``checked_version`` does.

    Before the first step that changes data the file is copied beside itself, as ``sidecar.db.schema-1``.
    """
    version = checked_version(connection, path, migrations)
    progress = progress or Progress()
    is_backed_up = version and Path(path).is_file() and any(step.changes_data for step in migrations[version:])
    if version:
        steps = len(migrations) - version + bool(is_backed_up)
        progress.begin(steps, "steps", what="bringing the stored sessions up to date")
    if is_backed_up:
        back_up(connection, Path(f"{path}.schema-{version}"))
        progress.step()
    while version < len(migrations):
        with transaction(connection, "IMMEDIATE"):
            # Read under the lock: another process may be faster.
            version = _checked_version(connection, path, migrations)
            if version < len(migrations):
                _apply(connection, migrations[version], now)
                version += 1
        progress.step()
    progress.end()


def _apply(connection: sqlite3.Connection, migration: Migration, now: datetime) -> None:
    if migration.version == 1:
        connection.execute(_TABLE)
    for statement in migration.statements:
        connection.execute(statement)
    connection.execute(_RECORD, (migration.version, migration.name, migration.checksum, to_text_time(now)))
    connection.execute(f"PRAGMA user_version = {migration.version:d}")


def _checked_version(connection: sqlite3.Connection, path: str, migrations: Sequence[Migration]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise SchemaTooNewError(
            f"The session store {path} has schema {version}; this program knows schemas up to {len(migrations)}.",
            remedy="Update atmos-ai-sidecar.",
            path=path,
            found=str(version),
            known=str(len(migrations)),
        )
    applied = migrations[:version]
    _compare(_objects(connection), _expected_objects(applied), path)
    if version and connection.execute(_APPLIED).fetchall() != [(step.version, step.checksum) for step in applied]:
        raise corrupt(path, "its recorded migrations are not those of this program")
    return version


def _compare(
    found: Mapping[str, tuple[str, str | None]], expected: Mapping[str, tuple[str, str | None]], path: str
) -> None:
    for name in sorted(found.keys() | expected.keys()):
        if name not in expected:
            raise corrupt(path, f"it has the {found[name][0]} {name!r}, which is not ours")
        if found.get(name) != expected[name]:
            raise corrupt(path, f"the {expected[name][0]} {name!r} is missing or not as we made it")


def _objects(connection: sqlite3.Connection) -> dict[str, tuple[str, str | None]]:
    return {name: (kind, sql) for kind, name, sql in connection.execute(_OBJECTS)}


def _expected_objects(migrations: Sequence[Migration]) -> dict[str, tuple[str, str | None]]:
    """What the migrations make of an empty database; they are the only description of the schema."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for migration in migrations:
            _apply(connection, migration, _EPOCH)
        return _objects(connection)
    finally:
        connection.close()
