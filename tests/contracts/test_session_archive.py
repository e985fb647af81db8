"""The contract of SessionArchive, as numbered behaviours that every store must keep."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.application.ports.session_archive import SessionArchive, SessionImport
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.sessions import ContextItem
from atmos_ai_sidecar.errors import SessionExistsError, SessionNotFoundError, TurnInProgressError
from tests.contracts.drafts import PROJECT, draft, texts, user
from tests.fakes.clock import START, FakeClock

LONG_AGO = datetime(2025, 5, 5, 12, 0, tzinfo=UTC)
ITEM = ContextItem(context_type="stack", context_key="k", context_value="v")
DAY = 86_400


class ArchivedStore(SessionStore, Journal, SessionArchive, Protocol):
    """What these tests need of a store."""


def imported(name: str = "vpc-refactor", *words: str, request_id: str = "") -> SessionImport:
    return SessionImport(
        draft=replace(draft(name, request_id=request_id), metadata={"from": "elsewhere"}),
        messages=[replace(user(word), create_time=LONG_AGO + timedelta(hours=1)) for word in words],
        context_items=[ITEM],
        create_time=LONG_AGO,
        archived=True,
    )


# 1. Import.


async def test_01_an_imported_session_is_there_with_all_that_it_brought(store: ArchivedStore) -> None:
    session = await store.import_session(imported("old", "one", "two"))
    assert (session.create_time, session.update_time, session.archived) == (LONG_AGO, START, True)
    assert (session.message_count, session.metadata) == (2, {"from": "elsewhere"})
    assert await store.get_session(session.id) == session
    messages = await store.newest_messages(session.id, 0)
    assert texts(messages) == ["one", "two"]
    assert {message.create_time for message in messages} == {LONG_AGO + timedelta(hours=1)}
    assert await store.list_context_items(session.id) == (ITEM,)
    await store.append_messages(session.id, [user("three")])
    assert texts(await store.newest_messages(session.id, 1)) == ["three"]


async def test_02_a_name_that_is_taken_is_refused_and_nothing_is_stored(store: ArchivedStore) -> None:
    existing = await store.create_session(draft())
    with pytest.raises(SessionExistsError):
        await store.import_session(imported("vpc-refactor", "one"))
    assert [found.id for found in (await store.list_sessions(PROJECT, limit=9)).sessions] == [existing.id]
    assert await store.newest_messages(existing.id, 0) == ()


async def test_03_overwriting_replaces_a_session_and_all_that_belonged_to_it(store: ArchivedStore) -> None:
    existing = await store.create_session(draft())
    await store.append_messages(existing.id, [user("old")])
    session = await store.import_session(imported("vpc-refactor", "new"), overwrite=True)
    assert session.id != existing.id
    assert texts(await store.newest_messages(session.id, 0)) == ["new"]
    with pytest.raises(SessionNotFoundError):
        await store.get_session(existing.id)
    await store.import_session(imported("fresh", "new"), overwrite=True)


async def test_04_a_session_with_a_running_turn_is_not_replaced(store: ArchivedStore) -> None:
    existing = await store.create_session(draft())
    await store.begin_turn(existing.id, "turn-1", "owner-1")
    with pytest.raises(TurnInProgressError):
        await store.import_session(imported("vpc-refactor", "new"), overwrite=True)
    assert (await store.get_session_by_name(PROJECT, "vpc-refactor")).id == existing.id


async def test_05_a_repeated_import_returns_the_first_answer(store: ArchivedStore) -> None:
    first = await store.import_session(imported("old", "one", request_id="r-1"))
    again = await store.import_session(imported("old", "one", request_id="r-1"), overwrite=True)
    assert again == first
    assert texts(await store.newest_messages(first.id, 0)) == ["one"]


# 2. Cleaning.


async def aged(store: ArchivedStore, clock: FakeClock, *names: str) -> None:
    """Creates a session a day."""
    for name in names:
        await store.create_session(draft(name))
        clock.advance(DAY)


async def names_of(store: ArchivedStore) -> list[str]:
    page = await store.list_sessions(PROJECT, limit=100, include_archived=True)
    return [session.name for session in page.sessions]


async def test_06_sessions_older_than_a_time_are_deleted_and_returned_oldest_first(
    store: ArchivedStore, clock: FakeClock
) -> None:
    await aged(store, clock, "a", "b", "c", "d")
    removed = await store.clean_sessions(PROJECT, before=START + timedelta(days=2))
    assert [session.name for session in removed] == ["a", "b"]
    assert await names_of(store) == ["d", "c"]


async def test_07_a_dry_run_deletes_nothing(store: ArchivedStore, clock: FakeClock) -> None:
    await aged(store, clock, "a", "b")
    removed = await store.clean_sessions(PROJECT, before=clock.now(), dry_run=True)
    assert [session.name for session in removed] == ["a"]
    assert await names_of(store) == ["b", "a"]


async def test_08_the_session_that_changed_last_is_kept_whatever_its_age(
    store: ArchivedStore, clock: FakeClock
) -> None:
    await aged(store, clock, "a", "b")
    clock.advance(1000 * DAY)
    await store.clean_sessions(PROJECT, before=clock.now())
    assert await names_of(store) == ["b"]
    assert await store.clean_sessions(PROJECT, before=clock.now()) == ()


async def test_09_other_projects_are_left_alone(store: ArchivedStore, clock: FakeClock) -> None:
    other = await store.create_session(draft("theirs", project_path="/home/bob"))
    clock.advance(DAY)
    await aged(store, clock, "a", "b")
    await store.clean_sessions(PROJECT, before=clock.now())
    assert await store.get_session(other.id) == other


async def test_10_a_session_in_which_a_turn_is_running_is_kept(store: ArchivedStore, clock: FakeClock) -> None:
    await aged(store, clock, "a", "b", "c")
    running = await store.get_session_by_name(PROJECT, "a")
    await store.begin_turn(running.id, "turn-1", "owner-1")
    assert [session.name for session in await store.clean_sessions(PROJECT, before=clock.now())] == ["b"]
    await store.finish_turn(running.id, "turn-1")
    assert [session.name for session in await store.clean_sessions(PROJECT, before=clock.now())] == ["a"]


async def test_11_a_message_makes_a_session_young(store: ArchivedStore, clock: FakeClock) -> None:
    await aged(store, clock, "a", "b", "c")
    await store.append_messages((await store.get_session_by_name(PROJECT, "a")).id, [user("hello")])
    assert [session.name for session in await store.clean_sessions(PROJECT, before=clock.now())] == ["b", "c"]
