"""Sessions, journal and permission requests in PostgreSQL, or in an engine that speaks its protocol.

Only SQL that CockroachDB and YugabyteDB take too: no triggers, functions, extensions, advisory locks or LISTEN.
"""

from atmos_ai_sidecar.adapters.postgres.database import PATIENCE_SECONDS, open_database
from atmos_ai_sidecar.adapters.postgres.leases import LEASE_SECONDS
from atmos_ai_sidecar.adapters.postgres.projects import ProjectKeys
from atmos_ai_sidecar.adapters.postgres.store import PostgresStore
from atmos_ai_sidecar.application.ports.clock import Clock

__all__ = ["LEASE_SECONDS", "PostgresStore", "ProjectKeys", "open_postgres_store"]


async def open_postgres_store(
    url: str,
    clock: Clock,
    *,
    projects: ProjectKeys,
    author: str,
    lease_seconds: float = LEASE_SECONDS,
    patience_seconds: float = PATIENCE_SECONDS,
) -> PostgresStore:
    """Connects, brings the schema up to date and returns the store.

    Raises:
        StorageUnavailableError: The server cannot be reached or refuses the user; the password is never shown.
        SchemaTooNewError: A newer version of this program made the tables.
        StorageCorruptError: The tables were made by other migrations.
    """
    database = await open_database(url, clock, patience_seconds=patience_seconds)
    return PostgresStore(database, clock, projects=projects, author=author, lease_seconds=lease_seconds)
