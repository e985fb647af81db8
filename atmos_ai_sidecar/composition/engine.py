"""What the runs of one process share: the store, its events, its running turns and its questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from atmos_ai_sidecar.adapters.owner_locks import OwnerLocks
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store, open_sqlite_store
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.application.turns import Turns

DATABASE = "sidecar.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One open store and what is built on it."""

    store: SqliteStore
    broadcast: Broadcast
    turns: Turns


class Engines:
    """The open engines of this process by the path of their store; opened on first use, closed together."""

    def __init__(self, *, clock: Clock, approvals: Approvals, owner: str) -> None:
        self._clock = clock
        self._approvals = approvals
        self._owner = owner
        self._engines: dict[Path, Engine] = {}
        self._locks: list[OwnerLocks] = []
        self._opening = asyncio.Lock()

    async def at(self, directory: Path) -> Engine:
        """The engine whose store is in that folder.

        Raises:
            StorageUnavailableError, StorageCorruptError, StorageBusyError, SchemaTooNewError
        """
        async with self._opening:
            if directory not in self._engines:
                store = await open_sqlite_store(directory / DATABASE, self._clock)
                owners = OwnerLocks(directory / "owners")
                owners.hold(self._owner)
                self._locks.append(owners)
                engine = self._engines[directory] = self._on(store)
                await Recovery(
                    store=store,
                    journal=store,
                    approvals=store,
                    broadcast=engine.broadcast,
                    owners=owners,
                    clock=self._clock,
                ).recover()
            return self._engines[directory]

    @asynccontextmanager
    async def in_memory(self) -> AsyncIterator[Engine]:
        """An engine that forgets everything at the end of the context."""
        store = await open_memory_store(self._clock)
        engine = self._on(store)
        try:
            yield engine
        finally:
            await self._close(engine)

    async def close(self) -> None:
        """Closes every store; turns must have ended before."""
        for engine in self._engines.values():
            await self._close(engine)
        self._engines.clear()
        for owners in self._locks:
            owners.release()

    def _on(self, store: SqliteStore) -> Engine:
        engine = Engine(store=store, broadcast=Broadcast(store), turns=Turns())
        self._approvals.add_store(store)
        self._approvals.add_listener(engine.turns.hear)
        return engine

    async def _close(self, engine: Engine) -> None:
        self._approvals.remove_store(engine.store)
        self._approvals.remove_listener(engine.turns.hear)
        await engine.store.close()
