"""Transactions on a server: pooled connections, retries, and the driver's errors as errors of ours."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection, errors
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from atmos_ai_sidecar.adapters.postgres import schema
from atmos_ai_sidecar.adapters.storage.problems import corrupt, full
from atmos_ai_sidecar.adapters.storage.values import UnreadableError
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.errors import SidecarError, StorageBusyError, StorageUnavailableError

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
PATIENCE_SECONDS: Final = 5.0
"""How long a server may take to give a connection."""
_MAX_CONNECTIONS: Final = 4
_ATTEMPTS: Final = 6
_FIRST_DELAY_SECONDS: Final = 0.05
# A new attempt finds what the other one wrote, so it needs no delay.
_LOST_RACES: Final = (errors.UniqueViolation, errors.DuplicateTable)
_CONFLICTS: Final = (errors.SerializationFailure, errors.DeadlockDetected)


class Database:
    """Transactions on one server."""

    def __init__(self, place: str, pool: AsyncConnectionPool[AsyncConnection[Any]], clock: Clock) -> None:
        self.place = place
        self._pool = pool
        self._clock = clock

    async def run(self, function: Callable[[AsyncConnection[Any]], Awaitable[T]]) -> T:
        """Runs ``function`` in one transaction that is durable when this returns.

        It is run again after a conflict and after the connection was lost, also when nobody knows whether it was
        committed: what it writes must be recognisable.

        Raises:
            StorageBusyError: Conflicts did not end.
            StorageUnavailableError: The server cannot be reached.
            StorageFullError, StorageCorruptError
        """
        for attempt in range(_ATTEMPTS):
            try:
                async with self._pool.connection() as connection, connection.transaction():
                    return await function(connection)
            except _LOST_RACES as error:
                problem: psycopg.Error = error
            except PoolTimeout as error:
                raise unreachable(self.place, error) from error  # the pool has tried again and again by itself
            except (*_CONFLICTS, psycopg.OperationalError, psycopg.InterfaceError) as error:
                if isinstance(error, errors.DiskFull):
                    raise full(self.place) from error
                problem = error
                _LOG.info("the store %s is tried again: %s", self.place, type(error).__name__)
                await self._clock.sleep(_FIRST_DELAY_SECONDS * 2**attempt)
            except UnreadableError as error:
                raise corrupt(self.place, f"a row is unreadable ({error})") from error
        raise self._given_up(problem) from problem

    async def close(self) -> None:
        """Closes the connections; closing twice is fine."""
        await self._pool.close()

    def _given_up(self, problem: psycopg.Error) -> SidecarError:
        if isinstance(problem, (*_CONFLICTS, *_LOST_RACES)):
            return StorageBusyError(
                f"Others keep changing the same rows of the session store {self.place}.",
                remedy="Try again in a moment.",
                path=self.place,
            )
        return unreachable(self.place, problem)


async def open_database(url: str, clock: Clock, *, patience_seconds: float = PATIENCE_SECONDS) -> Database:
    """Connects and migrates.

    Raises:
        StorageUnavailableError, SchemaTooNewError, StorageCorruptError
    """
    place = _place(url)
    # The server's library takes whole seconds, and less than two mean two.
    connect_timeout = max(2, round(patience_seconds))
    try:
        # Alone first, because a pool only says that it timed out.
        async with await AsyncConnection.connect(url, autocommit=True, connect_timeout=connect_timeout):
            pass
    except psycopg.Error as error:
        raise unreachable(place, error) from error
    pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=_MAX_CONNECTIONS,
        open=False,
        timeout=patience_seconds,
        kwargs={"autocommit": True, "connect_timeout": connect_timeout},
    )
    await pool.open()
    database = Database(place, pool, clock)
    try:
        await database.run(schema.make_ledger)
        while await database.run(lambda connection: schema.migrate_once(connection, place)):
            pass
    except BaseException:
        await database.close()
        raise
    return database


def unreachable(place: str, error: Exception) -> StorageUnavailableError:
    """The error for a server that does not answer or refuses."""
    problem = "it does not answer" if isinstance(error, PoolTimeout) else _first_line(error)
    return StorageUnavailableError(
        f"The session store {place} cannot be used: {problem}.",
        remedy="Check `ai.sessions.url` and that the server is up.",
        path=place,
        problem=problem,
    )


def _place(url: str) -> str:
    """The server without user and password.

    Raises:
        StorageUnavailableError: The text is no address of a server.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        # The driver repeats the text, in which a password may stand.
        raise StorageUnavailableError(
            "`ai.sessions.url` is no address of a PostgreSQL server.",
            remedy="Write it as postgresql://USER@HOST:PORT/DATABASE.",
        ) from error
    return f"postgresql://{parts.get('host', '')}/{parts.get('dbname', '')}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
