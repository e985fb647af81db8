"""A conversation that goes on in memory when the place of its sessions is no use."""

from dataclasses import replace

from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.composition.engine import Engine, Engines
from atmos_ai_sidecar.configuration import Config, Storage
from atmos_ai_sidecar.domain.budgets import Limits
from atmos_ai_sidecar.errors import SchemaTooNewError, StorageCorruptError, StorageUnavailableError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Where the sessions of a run are kept."""

    config: Config
    """As it applies: with sessions switched off where they cannot be kept."""
    engine: Engine | None
    """None: they live in memory."""
    problem: str = ""
    """Why they live in memory although nobody asked for that, and what to do."""


async def opened_or_forgetful(
    engines: Engines, config: Config, left_calls: LeftCalls, options: RunOptions, opening: Progress | None = None
) -> Opened:
    """The engine on the chosen store; or none where the store is no use and the run may do without.

    A store that is damaged, newer or cannot be written is left as it is. A shared server is never gone around,
    nor is a budget of sessions, which only their store can keep.

    Raises:
        StorageUnavailableError and its kin: The store is no use, and this run may not do without.
    """
    if not config.sessions.enabled:
        return Opened(config=config, engine=None)
    try:
        return Opened(config=config, engine=await engines.at(config, left_calls, opening))
    except (SchemaTooNewError, StorageCorruptError, StorageUnavailableError) as error:
        is_local = config.sessions.storage is not Storage.POSTGRES
        if not (options.may_forget and is_local and config.budget.session == Limits()):
            raise
        problem = f"{error} Until then earlier sessions cannot be read, and nothing of this one is stored."
        switched_off = replace(config, sessions=replace(config.sessions, enabled=False))
        return Opened(config=switched_off, engine=None, problem=problem)
