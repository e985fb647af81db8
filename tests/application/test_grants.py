from datetime import timedelta

from atmos_ai_sidecar.application.grants import Grants
from atmos_ai_sidecar.domain.grants import Grant
from tests.fakes.clock import FakeClock
from tests.fakes.grants import FakeGrantStore, fake_grants


def texts(grants: Grants, pinned: tuple[Grant, ...]) -> list[str]:
    return [grant.text for grant in grants.since(pinned)]


def test_an_answer_counts_from_the_next_call_of_the_same_turn() -> None:
    grants = fake_grants()
    pinned = tuple(grants.living())
    grants.remember(Grant(tool="plan", allow=True))
    assert texts(grants, pinned) == ["always allow plan"]


def test_a_rejection_takes_the_place_of_what_allowed_the_same_when_both_stand() -> None:
    grants = fake_grants()
    allowed = grants.remember(Grant(tool="plan", allow=True))
    pinned = tuple(grants.living())
    grants.remember(Grant(tool="plan", allow=False))
    assert texts(grants, pinned) == [allowed.text, "always reject plan"]


def test_what_another_process_grants_does_not_count_in_a_turn_that_runs() -> None:
    store = FakeGrantStore()
    grants = fake_grants(store)
    pinned = tuple(grants.living())
    store.add(Grant(tool="plan", allow=True))
    assert texts(grants, pinned) == []


def test_what_was_taken_back_since_it_was_given_is_not_brought_back() -> None:
    store = FakeGrantStore()
    grants = fake_grants(store)
    first = grants.remember(Grant(tool="plan", allow=True))
    second = grants.remember(Grant(tool="apply", allow=True))
    grants.revoke([first.id])
    store.remove([second.id])  # by another process
    assert texts(grants, tuple(grants.living())) == []


def test_an_answer_for_a_time_holds_no_longer_in_the_same_turn() -> None:
    clock = FakeClock()
    grants = fake_grants(clock=clock)
    grants.remember(Grant(tool="plan", allow=True), timedelta(seconds=10))
    assert texts(grants, ()) == ["always allow plan"]
    clock.advance(10)
    assert texts(grants, ()) == []
