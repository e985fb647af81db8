from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store, open_sqlite_store
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[SqliteStore]:
    """Every adapter that must keep the contracts of this folder."""
    opened = (
        await open_sqlite_store(tmp_path / ".atmos" / "sessions" / "sidecar.db", clock)
        if request.param == "sqlite"
        else await open_memory_store(clock)
    )
    try:
        yield opened
    finally:
        await opened.close()
