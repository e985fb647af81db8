from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.json_files import JsonFilesStore, open_json_store
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store, open_sqlite_store
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "memory", "json"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock
) -> AsyncIterator[SqliteStore | JsonFilesStore]:
    """Every adapter that must keep the contracts of this folder."""
    opened: SqliteStore | JsonFilesStore
    if request.param == "sqlite":
        opened = await open_sqlite_store(tmp_path / ".atmos" / "sessions" / "sidecar.db", clock)
    elif request.param == "memory":
        opened = await open_memory_store(clock)
    else:
        opened = await open_json_store(tmp_path / ".atmos" / "sessions", clock)
    try:
        yield opened
    finally:
        await opened.close()
