from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_sqlite_store

Opened = Callable[[], AbstractAsyncContextManager[SqliteStore]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "infra" / ".atmos" / "sessions" / "sidecar.db"


@pytest.fixture
def opened(path: Path) -> Opened:
    """Opens the store at ``path``, as often as a test likes."""

    @asynccontextmanager
    async def open_it() -> AsyncIterator[SqliteStore]:
        store = await open_sqlite_store(path, SystemClock(), busy_timeout_seconds=0.2)
        try:
            yield store
        finally:
            await store.close()

    return open_it
