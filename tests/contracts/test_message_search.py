"""The contract of MessageSearch, as numbered behaviours that every store must keep."""

from dataclasses import replace
from typing import Protocol

import pytest

from atmos_ai_sidecar.application.ports.message_search import MessageSearch
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.search import search_terms
from atmos_ai_sidecar.errors import InvalidPageTokenError
from tests.contracts.drafts import PROJECT, draft, user
from tests.fakes.clock import START, FakeClock


class SearchedStore(SessionStore, MessageSearch, Protocol):
    """What these tests need of a store."""


async def found(store: MessageSearch, query: str, project: str = PROJECT) -> list[str]:
    return [hit.snippet for hit in (await store.search_messages(project, search_terms(query), limit=100)).hits]


async def test_01_a_message_is_found_by_every_one_of_its_words_in_any_case(store: SearchedStore) -> None:
    session = await store.create_session(draft())
    (stored,) = await store.append_messages(session.id, [replace(user("Which SUBNETS has the vpc?"), role=Role.USER)])
    await store.append_messages(session.id, [user("Something else")])
    page = await store.search_messages(PROJECT, search_terms("vpc Subnets"), limit=10)
    (hit,) = page.hits
    assert (hit.session_id, hit.session_name, hit.message_id) == (session.id, "vpc-refactor", stored.id)
    assert (hit.role, hit.create_time, hit.snippet) == (Role.USER, START, "Which SUBNETS has the vpc?")
    assert page.next_cursor == ""


async def test_02_every_term_must_be_there(store: SearchedStore) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user("the vpc"), user("the subnets")])
    assert await found(store, "vpc subnets") == []
    assert await found(store, "nothing") == []


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("the größe of it", "größe"),
        ("stack ue1-prod is broken", "ue1-prod"),
        ('it says "no" twice', '"no"'),
        ("100% of a_b", "a_b"),
        ("C:\\temp is full", "C:\\temp"),
        ("run OR AND NOT near", "or and not near"),
        ("subnets of the vpc", "subn"),
        ("before\x00after", "before"),
    ],
)
async def test_03_nothing_in_a_query_is_an_operator(store: SearchedStore, text: str, query: str) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user(text), user("another message")])
    assert len(await found(store, query)) == 1


@pytest.mark.parametrize("query", ["%a", "_a", "a*b*", "content:a", "a)", "^a", "-a"])
async def test_04_no_query_is_an_error_in_the_store(store: SearchedStore, query: str) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user("zzz")])
    assert await found(store, query) == []


async def test_05_hits_are_paged_newest_first_also_while_others_arrive(store: SearchedStore, clock: FakeClock) -> None:
    first, second = [await store.create_session(draft(name)) for name in ("a", "b")]
    for number in range(5):
        clock.advance(1)
        await store.append_messages((first, second)[number % 2].id, [user(f"vpc {number}")])
    terms = search_terms("vpc")
    snippets: list[str] = []
    cursor = ""
    for _ in range(3):
        page = await store.search_messages(PROJECT, terms, limit=2, cursor=cursor)
        snippets += [hit.snippet for hit in page.hits]
        cursor = page.next_cursor
        clock.advance(1)
        await store.append_messages(first.id, [user("vpc new")])
    assert snippets == ["vpc 4", "vpc 3", "vpc 2", "vpc 1", "vpc 0"]
    assert cursor == ""


async def test_06_a_search_sees_only_its_own_project(store: SearchedStore) -> None:
    session = await store.create_session(draft(project_path="/home/bob"))
    await store.append_messages(session.id, [user("vpc")])
    assert await found(store, "vpc") == []
    assert await found(store, "vpc", "/home/bob") == ["vpc"]


async def test_07_a_deleted_message_is_not_found(store: SearchedStore) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user("vpc"), user("größe\x00\ud800")])
    await store.delete_session(session.id)
    assert await found(store, "vpc") == []
    other = await store.create_session(draft())
    await store.append_messages(other.id, [user("the vpc again")])
    assert await found(store, "vpc") == ["the vpc again"]


async def test_08_a_cursor_of_another_search_is_refused(store: SearchedStore) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user("vpc"), user("vpc")])
    cursor = (await store.search_messages(PROJECT, ["vpc"], limit=1)).next_cursor
    with pytest.raises(InvalidPageTokenError):
        await store.search_messages(PROJECT, ["subnet"], limit=1, cursor=cursor)
    with pytest.raises(InvalidPageTokenError):
        await store.search_messages("/home/bob", ["vpc"], limit=1, cursor=cursor)
