"""Remembered answers: given, counted, taken back."""

import asyncio
import dataclasses
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.grants import GrantStore
from atmos_ai_sidecar.domain.grants import Grant, deciding, living, with_grant
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.errors import SidecarError

_LOG = logging.getLogger(__name__)


class Grants:
    """The remembered answers of one project and user."""

    def __init__(self, store: GrantStore, clock: Clock, *, user: str) -> None:
        self._store = store
        self._clock = clock
        self._user = user
        self._given: Sequence[Grant] = ()
        """What was remembered since the turns that run now began, and perhaps before."""

    def all(self) -> Sequence[Grant]:
        """Every grant, oldest first, also those that have expired.

        Raises:
            StorageCorruptError: The file of remembered answers is broken.
        """
        return self._store.load()

    def living(self) -> Sequence[Grant]:
        """Those that hold now; what a turn begins with.

        Raises:
            StorageCorruptError: The file of remembered answers is broken.
        """
        stored = self._store.load()
        ids = {grant.id for grant in stored}
        self._given = tuple(grant for grant in self._given if grant.id in ids)
        return living(stored, self._clock.now())

    def since(self, pinned: Sequence[Grant]) -> Sequence[Grant]:
        """A turn's grants as they are now: with the answers given to us since it began, without what has expired.

        What other processes write into the store meanwhile counts from the next turn on.
        """
        for grant in self._given:
            pinned = with_grant(pinned, grant)
        return living(pinned, self._clock.now())

    def remember(self, grant: Grant, lifetime: timedelta | None = None) -> Grant:
        """Stores a grant, durably, as this user's and of now; returns it with its id.

        Raises:
            StorageCorruptError: The file of remembered answers is broken; nothing was stored.
        """
        now = self._clock.now()
        stored = self._store.add(
            dataclasses.replace(
                grant, user=self._user, create_time=now, expire_time=now + lifetime if lifetime else None, uses=0
            )
        )
        self._given = with_grant(self._given, stored)
        return stored

    def revoke(self, ids: Collection[str]) -> Sequence[Grant]:
        """Forgets grants and returns those that there were.

        Raises:
            StorageCorruptError: The file of remembered answers is broken; nothing was changed.
        """
        removed = self._store.remove(ids)
        self._given = tuple(grant for grant in self._given if grant.id not in ids)
        return removed

    async def count(self, decision: Decision, grants: Sequence[Grant], session_id: str) -> None:
        """Counts the use when one of the grants decided; a count that cannot be written stops nothing."""
        grant = deciding(grants, decision.rule.text, session_id)
        if grant is None:
            return
        try:
            await asyncio.to_thread(self._store.count_use, grant.id)
        except SidecarError as error:
            _LOG.warning("the use of grant %s was not counted: %s", grant.id, error)
