"""Remembered answers: given, counted, taken back."""

import asyncio
import dataclasses
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.grants import GrantStore
from atmos_ai_sidecar.domain.grants import Grant, deciding, living
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.errors import SidecarError

_LOG = logging.getLogger(__name__)


class Grants:
    """The remembered answers of one project and user."""

    def __init__(self, store: GrantStore, clock: Clock, *, user: str) -> None:
        self._store = store
        self._clock = clock
        self._user = user

    def all(self) -> Sequence[Grant]:
        """Every grant, oldest first, also those that have expired.

        Raises:
            StorageCorruptError: The file of remembered answers is broken.
        """
        return self._store.load()

    def living(self) -> Sequence[Grant]:
        """Those that hold now.

        Raises:
            StorageCorruptError: The file of remembered answers is broken.
        """
        return self.still_living(self._store.load())

    def still_living(self, grants: Sequence[Grant]) -> Sequence[Grant]:
        """Those of the grants that have not expired yet."""
        return living(grants, self._clock.now())

    def remember(self, grant: Grant, lifetime: timedelta | None = None) -> Grant:
        """Stores a grant, durably, as this user's and of now; returns it with its id.

        Raises:
            StorageCorruptError: The file of remembered answers is broken; nothing was stored.
        """
        now = self._clock.now()
        return self._store.add(
            dataclasses.replace(
                grant, user=self._user, create_time=now, expire_time=now + lifetime if lifetime else None, uses=0
            )
        )

    def revoke(self, ids: Collection[str]) -> Sequence[Grant]:
        """Forgets grants and returns those that there were.

        Raises:
            StorageCorruptError: The file of remembered answers is broken; nothing was changed.
        """
        return self._store.remove(ids)

    async def count(self, decision: Decision, grants: Sequence[Grant], session_id: str) -> None:
        """Counts the use when one of the grants decided; a count that cannot be written stops nothing."""
        grant = deciding(grants, decision.rule.text, session_id)
        if grant is None:
            return
        try:
            await asyncio.to_thread(self._store.count_use, grant.id)
        except SidecarError as error:
            _LOG.warning("the use of grant %s was not counted: %s", grant.id, error)
