"""The contract of CompactionStore, as numbered behaviours that every store must keep."""

from typing import Protocol

import pytest

from atmos_ai_sidecar.application.ports.compaction_store import CompactionStore
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.compaction import Compaction
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import SessionNotFoundError
from tests.contracts.drafts import draft
from tests.fakes.clock import START


class CompactingStore(SessionStore, CompactionStore, Protocol):
    """What these tests need of a store."""


@pytest.fixture
async def session(store: CompactingStore) -> Session:
    return await store.create_session(draft())


FIRST = Compaction(pruned_through=7)
SECOND = Compaction(
    summary="größe 🦀",
    summarized_through=5,
    pruned_through=9,
    focus="the vpc",
    usage=Usage(input_tokens=3, cost_usd=0.25),
)


async def test_01_the_newest_compaction_comes_back_as_it_was(store: CompactingStore, session: Session) -> None:
    assert await store.newest_compaction(session.id) is None
    for compaction in (FIRST, SECOND):
        await store.add_compaction(session.id, compaction, now=START)
        assert await store.newest_compaction(session.id) == compaction


async def test_02_their_usage_adds_up(store: CompactingStore, session: Session) -> None:
    assert await store.compaction_usage(session.id) == Usage()
    for compaction in (FIRST, SECOND, SECOND):
        await store.add_compaction(session.id, compaction, now=START)
    assert await store.compaction_usage(session.id) == Usage(input_tokens=6, cost_usd=0.5)


async def test_03_a_compaction_needs_a_session_and_goes_with_it(store: CompactingStore, session: Session) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.add_compaction(SessionId("nobody"), FIRST, now=START)
    await store.add_compaction(session.id, FIRST, now=START)
    await store.delete_session(session.id)
    assert await store.newest_compaction(session.id) is None
