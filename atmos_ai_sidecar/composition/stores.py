"""Opens the store that a project's configuration chooses."""

import getpass
import socket

from atmos_ai_sidecar.adapters.owner_locks import OwnerLocks
from atmos_ai_sidecar.adapters.sqlite import BUSY_TIMEOUT_SECONDS, open_sqlite_store
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.owners import Owners
from atmos_ai_sidecar.application.ports.store import Store
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.composition.project_keys import project_key
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.configuration.settings import Storage
from atmos_ai_sidecar.errors import ConfigurationInvalidError, StorageUnavailableError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

DATABASE = "sidecar.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedStore:
    """A store, and who of those that share it is alive."""

    store: Store
    owners: Owners
    locks: OwnerLocks | None
    """This process's own mark, to be released with the store."""


def place_of(config: Config) -> str:
    """Names the place of a project's sessions; projects of one place share one store."""
    if config.sessions.storage is Storage.POSTGRES:
        return f"{config.sessions.url} {project_key(config)} {config.directory}"
    return f"{config.sessions.storage} {config.sessions.path}"


async def open_store(config: Config, clock: Clock, owner: str, opening: Progress | None = None) -> OpenedStore:
    """Opens the place of a project's sessions; ``opening`` is told of the steps of an old one.

    Raises:
        StorageUnavailableError, StorageCorruptError, StorageBusyError, StorageFullError, SchemaTooNewError,
        ConfigurationInvalidError: PostgreSQL is chosen and lacks its address or the project's name.
    """
    if config.sessions.storage is Storage.POSTGRES:
        return await _open_postgres(config, clock)
    directory = config.sessions.path
    busy_timeout = config.sessions.busy_timeout_seconds or BUSY_TIMEOUT_SECONDS
    store: Store
    if config.sessions.storage is Storage.JSON:
        from atmos_ai_sidecar.adapters.json_files import open_json_store  # noqa: PLC0415 - few projects choose it

        store = await open_json_store(directory, clock, busy_timeout_seconds=busy_timeout)
    else:
        path = directory / DATABASE
        store = await open_sqlite_store(path, clock, busy_timeout_seconds=busy_timeout, progress=opening)
    locks = OwnerLocks(directory / "owners")
    locks.hold(owner)
    return OpenedStore(store=store, owners=locks, locks=locks)


async def _open_postgres(config: Config, clock: Clock) -> OpenedStore:
    if not config.sessions.url:
        raise ConfigurationInvalidError(
            "ai.sessions.storage is postgres and ai.sessions.url is missing.",
            file=str(config.file),
            remedy="Set it, best from the environment: `url: !env ATMOS_AI_SESSIONS_URL`.",
        )
    try:
        from atmos_ai_sidecar.adapters.postgres import (  # noqa: PLC0415 - its driver is an optional extra
            LEASE_SECONDS,
            ProjectKeys,
            open_postgres_store,
        )
    except ImportError as error:
        raise StorageUnavailableError(
            f"ai.sessions.storage is postgres and its driver is not installed ({error.name}).",
            remedy="Install it: pip install 'atmos-ai-sidecar[postgres]'.",
        ) from error
    projects = ProjectKeys({str(config.directory): project_key(config)})
    author = f"{getpass.getuser()}@{socket.gethostname()}"
    store = await open_postgres_store(
        config.sessions.url,
        clock,
        projects=projects,
        author=author,
        lease_seconds=config.sessions.lease_seconds or LEASE_SECONDS,
    )
    return OpenedStore(store=store, owners=store, locks=None)
