"""What the runs of one process share: the store, its events, its running turns and its questions."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.neighbours import Neighbours
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.store import Store
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.application.turns import Turns
from atmos_ai_sidecar.composition.stores import OpenedStore, open_store, place_of
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One open store and what is built on it."""

    store: Store
    broadcast: Broadcast
    turns: Turns
    neighbours: Neighbours | None = None
    """Who shares the store; a store in memory is nobody else's."""


class Engines:
    """The open engines of this process by the place of their store; opened on first use, closed together."""

    def __init__(self, *, clock: Clock, approvals: Approvals, owner: str) -> None:
        self._clock = clock
        self._approvals = approvals
        self._owner = owner
        self._engines: dict[str, Engine] = {}
        self._opened: list[OpenedStore] = []
        self._opening = asyncio.Lock()

    @property
    def is_busy(self) -> bool:
        """Whether a turn runs on one of them."""
        return any(engine.turns.is_busy for engine in self._engines.values())

    async def at(self, config: Config, left_calls: LeftCalls, opening: Progress | None = None) -> Engine:
        """The engine on the store that the configuration chooses; its first opening ends what dead processes left.

        Raises:
            StorageUnavailableError, StorageCorruptError, StorageBusyError, SchemaTooNewError,
            ConfigurationInvalidError
        """
        place = place_of(config)
        async with self._opening:
            if place not in self._engines:
                opened = await open_store(config, self._clock, self._owner, opening)
                self._opened.append(opened)
                broadcast = Broadcast(opened.store, self._clock)
                recovery = Recovery(
                    store=opened.store,
                    journal=opened.store,
                    approvals=opened.store,
                    broadcast=broadcast,
                    owners=opened.owners,
                    owner=self._owner,
                    clock=self._clock,
                    left_calls=left_calls,
                )
                turns = Turns()
                neighbours = Neighbours(
                    opened.store, opened.owners, recovery, owner=self._owner, is_claimed=turns.is_claimed
                )
                self._engines[place] = self._on(opened.store, broadcast, turns, neighbours)
                await recovery.recover()
            return self._engines[place]

    @asynccontextmanager
    async def in_memory(self) -> AsyncIterator[Engine]:
        """An engine that forgets everything at the end of the context."""
        store = await open_memory_store(self._clock)
        engine = self._on(store, Broadcast(store), Turns())
        try:
            yield engine
        finally:
            await self._close(engine)

    async def close(self) -> None:
        """Closes every store; turns must have ended before."""
        for engine in self._engines.values():
            await self._close(engine)
        self._engines.clear()
        for opened in self._opened:
            if opened.locks is not None:
                opened.locks.release()
        self._opened.clear()

    def _on(self, store: Store, broadcast: Broadcast, turns: Turns, neighbours: Neighbours | None = None) -> Engine:
        engine = Engine(store=store, broadcast=broadcast, turns=turns, neighbours=neighbours)
        self._approvals.add_store(store)
        self._approvals.add_listener(engine.turns.hear)
        return engine

    async def _close(self, engine: Engine) -> None:
        self._approvals.remove_store(engine.store)
        self._approvals.remove_listener(engine.turns.hear)
        await engine.store.close()
