from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.json_files import JsonFilesStore, open_json_store
from atmos_ai_sidecar.adapters.postgres import PostgresStore, ProjectKeys, open_postgres_store
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store, open_sqlite_store
from tests.fakes.clock import FakeClock
from tests.postgres_server import PostgresServer, running_server

AnyStore = SqliteStore | JsonFilesStore | PostgresStore


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture
def new_database(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes the URL of an empty database; the server starts when the first test needs it."""

    def make() -> str:
        server: PostgresServer = request.getfixturevalue("postgres_server")
        return server.new_database()

    return make


@pytest.fixture(params=["sqlite", "memory", "json", "postgres"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock, new_database: Callable[[], str]
) -> AsyncIterator[AnyStore]:
    """Every adapter that must keep the contracts of this folder."""
    opened: AnyStore
    if request.param == "sqlite":
        opened = await open_sqlite_store(tmp_path / ".atmos" / "sessions" / "sidecar.db", clock)
    elif request.param == "memory":
        opened = await open_memory_store(clock)
    elif request.param == "json":
        opened = await open_json_store(tmp_path / ".atmos" / "sessions", clock)
    else:
        opened = await open_postgres_store(new_database(), clock, projects=ProjectKeys(), author="ada")
    try:
        yield opened
    finally:
        await opened.close()
