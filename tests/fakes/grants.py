from collections.abc import Collection, Sequence
from dataclasses import replace

from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.domain.grants import Grant, with_grant
from tests.fakes.clock import FakeClock


class FakeGrantStore:
    """Grants in a list, with ids in the order in which they came."""

    def __init__(self) -> None:
        self.grants: Sequence[Grant] = ()
        self.given = 0

    def load(self) -> Sequence[Grant]:
        return self.grants

    def add(self, grant: Grant) -> Grant:
        self.given += 1
        stored = replace(grant, id=f"grant-{self.given}")
        self.grants = with_grant(self.grants, stored)
        return stored

    def remove(self, ids: Collection[str]) -> Sequence[Grant]:
        gone = [grant for grant in self.grants if grant.id in ids]
        self.grants = [grant for grant in self.grants if grant.id not in ids]
        return gone

    def count_use(self, grant_id: str) -> None:
        self.grants = [replace(grant, uses=grant.uses + 1) if grant.id == grant_id else grant for grant in self.grants]


def fake_grants(store: FakeGrantStore | None = None, clock: FakeClock | None = None) -> Grants:
    """Remembered answers of a user called me."""
    return Grants(store or FakeGrantStore(), clock or FakeClock(), user="me")
