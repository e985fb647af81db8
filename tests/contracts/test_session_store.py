"""The contract of SessionStore, as numbered behaviours that every store must keep."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from atmos_ai_sidecar.application.ports.session_store import SessionChange, SessionStore
from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from atmos_ai_sidecar.domain.sessions import ContextItem, SessionId
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import (
    EtagMismatchError,
    InvalidPageTokenError,
    SessionExistsError,
    SessionNotFoundError,
)
from tests.contracts.drafts import PROJECT, draft, texts, user
from tests.fakes.clock import START, FakeClock

NOBODY = SessionId("00000000-0000-4000-8000-000000000000")
ODD_TEXTS = {
    "empty": "",
    "unicode": "größe 日本語 🦀 e\u0301 \u202e",
    "nul": "before\x00after",
    "line ends": "a\r\nb\rc\u2028d\n",
    "sql": "'; DROP TABLE sessions; --",
}


# 1. Sessions are created and found.


async def test_01_a_created_session_is_found_by_id_and_by_name(store: SessionStore) -> None:
    created = await store.create_session(replace(draft(), metadata={"ticket": "OPS-1", "größe": "🦀"}))
    assert created.name == "vpc-refactor"
    assert created.metadata == {"ticket": "OPS-1", "größe": "🦀"}
    assert (created.message_count, created.archived) == (0, False)
    assert await store.get_session(created.id) == created
    assert await store.get_session_by_name(PROJECT, "vpc-refactor") == created


async def test_02_times_are_utc(store: SessionStore) -> None:
    created = await store.create_session(draft())
    assert created.create_time == created.update_time == START
    assert created.create_time.utcoffset() == timedelta(0)


async def test_03_an_unknown_session_is_not_found_by_any_operation(store: SessionStore) -> None:
    for operation in (
        store.get_session(NOBODY),
        store.get_session_by_name(PROJECT, "nobody"),
        store.update_session(NOBODY, SessionChange(name="x")),
        store.append_messages(NOBODY, [user("x")]),
        store.newest_messages(NOBODY, 1),
        store.list_messages(NOBODY, after=0, limit=1),
        store.set_context_item(NOBODY, ContextItem(context_type="a", context_key="b", context_value="c")),
        store.list_context_items(NOBODY),
    ):
        with pytest.raises(SessionNotFoundError):
            await operation


# 2. Names.


async def test_04_a_name_is_unique_within_a_project_and_only_there(store: SessionStore) -> None:
    await store.create_session(draft())
    with pytest.raises(SessionExistsError):
        await store.create_session(draft())
    elsewhere = await store.create_session(draft(project_path="/home/ada/other"))
    assert (await store.get_session_by_name("/home/ada/other", "vpc-refactor")).id == elsewhere.id


async def test_05_an_empty_name_is_made_from_the_time_and_suffixed_when_taken(store: SessionStore) -> None:
    names = [(await store.create_session(draft(""))).name for _ in range(3)]
    assert names == ["session-20260102-030405", "session-20260102-030405-2", "session-20260102-030405-3"]


async def test_06_of_many_creators_of_one_name_exactly_one_wins(store: SessionStore) -> None:
    answers = await asyncio.gather(*(store.create_session(draft()) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(answer, SessionExistsError) for answer in answers) == 9


# 3. Repeats.


async def test_07_a_repeated_create_returns_the_first_answer(store: SessionStore) -> None:
    first = await store.create_session(draft(request_id="r-1"))
    again = await store.create_session(draft(request_id="r-1"))
    assert again == first
    assert len((await store.list_sessions(PROJECT, limit=10)).sessions) == 1


async def test_08_a_repeated_append_returns_the_first_answer(store: SessionStore) -> None:
    session = await store.create_session(draft())
    first = await store.append_messages(session.id, [user("one"), user("two")], request_id="r-1")
    await store.append_messages(session.id, [user("three")])
    assert await store.append_messages(session.id, [user("one"), user("two")], request_id="r-1") == first
    assert texts(await store.newest_messages(session.id, 0)) == ["one", "two", "three"]


async def test_09_the_same_request_id_in_another_session_is_another_request(store: SessionStore) -> None:
    first, second = [await store.create_session(draft(name)) for name in ("a", "b")]
    await store.append_messages(first.id, [user("one")], request_id="r-1")
    await store.append_messages(second.id, [user("two")], request_id="r-1")
    assert texts(await store.newest_messages(second.id, 0)) == ["two"]


# 4. Lists.


async def test_10_the_session_that_changed_last_is_listed_first(store: SessionStore, clock: FakeClock) -> None:
    sessions = []
    for name in ("a", "b", "c"):
        sessions.append(await store.create_session(draft(name)))
        clock.advance(1)
    await store.append_messages(sessions[0].id, [user("hello")])
    page = await store.list_sessions(PROJECT, limit=10)
    assert [session.name for session in page.sessions] == ["a", "c", "b"]
    assert page.next_cursor == ""


async def test_11_pages_show_every_session_once_also_those_of_the_same_moment(store: SessionStore) -> None:
    created = {(await store.create_session(draft(f"s{number}"))).name for number in range(7)}
    names: list[str] = []
    cursor = ""
    while True:
        page = await store.list_sessions(PROJECT, limit=2, cursor=cursor)
        names += [session.name for session in page.sessions]
        cursor = page.next_cursor
        if not cursor:
            break
    assert len(names) == 7
    assert set(names) == created


async def test_12_sessions_created_while_somebody_pages_are_neither_repeated_nor_do_they_hide_others(
    store: SessionStore, clock: FakeClock
) -> None:
    for number in range(6):
        await store.create_session(draft(f"s{number}"))
        clock.advance(1)
    names: list[str] = []
    cursor = ""
    for page_number in range(3):
        page = await store.list_sessions(PROJECT, limit=2, cursor=cursor)
        names += [session.name for session in page.sessions]
        cursor = page.next_cursor
        clock.advance(1)
        await store.create_session(draft(f"new{page_number}"))
    assert names == ["s5", "s4", "s3", "s2", "s1", "s0"]
    assert cursor == ""


async def test_13_a_list_has_only_its_own_project(store: SessionStore) -> None:
    await store.create_session(draft("mine"))
    await store.create_session(draft("theirs", project_path="/home/bob"))
    assert [session.name for session in (await store.list_sessions(PROJECT, limit=10)).sessions] == ["mine"]


async def test_14_archived_sessions_are_listed_on_request_only(store: SessionStore) -> None:
    session = await store.create_session(draft())
    await store.update_session(session.id, SessionChange(archived=True))
    assert not (await store.list_sessions(PROJECT, limit=10)).sessions
    page = await store.list_sessions(PROJECT, limit=10, include_archived=True)
    assert [found.archived for found in page.sessions] == [True]


async def test_15_a_cursor_of_another_list_or_of_nobody_is_refused(store: SessionStore) -> None:
    for number in range(2):
        await store.create_session(draft(f"s{number}"))
    cursor = (await store.list_sessions(PROJECT, limit=1)).next_cursor
    with pytest.raises(InvalidPageTokenError):
        await store.list_sessions("/home/bob", limit=1, cursor=cursor)
    with pytest.raises(InvalidPageTokenError):
        await store.list_sessions(PROJECT, limit=1, cursor=cursor, include_archived=True)
    for nonsense in ("x", "Ω", cursor[:-4], "W10=", "bnVsbA==", "W" * 100_000):
        with pytest.raises(InvalidPageTokenError):
            await store.list_sessions(PROJECT, limit=1, cursor=nonsense)


# 5. Updates.


async def test_16_an_update_changes_what_it_names_and_nothing_else(store: SessionStore, clock: FakeClock) -> None:
    created = await store.create_session(replace(draft(), metadata={"a": "1"}))
    clock.advance(5)
    updated = await store.update_session(created.id, SessionChange(name="renamed"))
    assert updated == replace(created, name="renamed", etag=updated.etag, update_time=START + timedelta(seconds=5))
    assert updated.etag != created.etag
    changed = await store.update_session(created.id, SessionChange(model="m", provider="p", metadata={}, archived=True))
    assert (changed.name, changed.model, changed.provider, changed.metadata, changed.archived) == (
        "renamed", "m", "p", {}, True,
    )  # fmt: skip


async def test_17_an_update_with_an_old_etag_changes_nothing(store: SessionStore) -> None:
    created = await store.create_session(draft())
    updated = await store.update_session(created.id, SessionChange(model="m"), etag=created.etag)
    with pytest.raises(EtagMismatchError):
        await store.update_session(created.id, SessionChange(model="n"), etag=created.etag)
    assert await store.get_session(created.id) == updated


async def test_18_a_session_cannot_take_the_name_of_another_but_may_keep_its_own(store: SessionStore) -> None:
    await store.create_session(draft("a"))
    second = await store.create_session(draft("b"))
    with pytest.raises(SessionExistsError):
        await store.update_session(second.id, SessionChange(name="a"))
    assert (await store.update_session(second.id, SessionChange(name="b"))).name == "b"


async def test_19_a_clock_that_is_set_back_does_not_move_a_session_back(store: SessionStore, clock: FakeClock) -> None:
    session = await store.create_session(draft())
    clock.advance(-86_400)
    await store.append_messages(session.id, [user("hello")])
    assert (await store.get_session(session.id)).update_time == START


# 6. Messages.


async def test_20_messages_keep_their_order_and_grow_the_session(store: SessionStore, clock: FakeClock) -> None:
    session = await store.create_session(draft())
    clock.advance(1)
    stored = await store.append_messages(session.id, [user("one"), user("two")])
    stored = [*stored, *await store.append_messages(session.id, [user("three")])]
    assert await store.newest_messages(session.id, 0) == tuple(stored)
    assert [message.id for message in stored] == sorted({message.id for message in stored})
    assert all(message.create_time == START + timedelta(seconds=1) for message in stored)
    found = await store.get_session(session.id)
    assert (found.message_count, found.update_time) == (3, START + timedelta(seconds=1))
    assert found.etag == session.etag


@pytest.mark.parametrize(("limit", "expected"), [(1, ["4"]), (3, ["2", "3", "4"]), (9, ["0", "1", "2", "3", "4"])])
async def test_21_the_newest_messages_come_in_order(store: SessionStore, limit: int, expected: list[str]) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user(str(number)) for number in range(5)])
    assert texts(await store.newest_messages(session.id, limit)) == expected


async def test_22_messages_are_paged_in_order_from_any_place(store: SessionStore) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user(str(number)) for number in range(5)])
    first = await store.list_messages(session.id, after=0, limit=2)
    assert texts(first.messages) == ["0", "1"]
    await store.append_messages(session.id, [user("5")])
    second = await store.list_messages(session.id, after=first.next_cursor, limit=2)
    third = await store.list_messages(session.id, after=second.next_cursor, limit=2)
    assert texts(second.messages) + texts(third.messages) == ["2", "3", "4", "5"]
    assert third.next_cursor == 0


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS.keys())
async def test_23_odd_texts_come_back_as_they_were(store: SessionStore, text: str) -> None:
    session = await store.create_session(draft())
    await store.append_messages(session.id, [user(text)])
    assert texts(await store.newest_messages(session.id, 0)) == [text]


async def test_24_ten_megabytes_come_back_as_they_were(store: SessionStore) -> None:
    session = await store.create_session(draft())
    text = "ä\x00b" * 3_000_000
    await store.append_messages(session.id, [user(text)])
    (message,) = await store.newest_messages(session.id, 1)
    assert message.text == text


async def test_25_blocks_turn_and_usage_come_back_as_they_were(store: SessionStore) -> None:
    session = await store.create_session(draft())
    result = Result(
        success=False, output="out \ud800", data={"deep": [1, None, {"ü": 1.5}]}, error="e", reason="R", exit_code=3
    )
    blocks: tuple[Block, ...] = (
        Text(text="a"),
        Thinking(thinking="hm", signature="c2ln\n"),
        RedactedThinking(data="opaque"),
        ToolCall(id="toolu_1", name="atmos_list_stacks", input={"deep": {"b": 1, "a": [True, None]}}),
        ToolResult(tool_call_id="toolu_1", result=result),
    )
    message = Message(
        role=Role.ASSISTANT,
        blocks=blocks,
        turn_id="turn-1",
        usage=Usage(input_tokens=1, output_tokens=2, cache_read_input_tokens=3, cache_creation_input_tokens=4),
        author="bob",
    )
    (stored,) = await store.append_messages(session.id, [message])
    assert stored == replace(message, id=stored.id, session_id=session.id, create_time=START)
    assert await store.newest_messages(session.id, 0) == (stored,)


async def test_26_a_message_keeps_the_time_that_it_brings(store: SessionStore) -> None:
    session = await store.create_session(draft())
    brought = datetime(2020, 5, 5, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    (stored,) = await store.append_messages(session.id, [replace(user("old"), create_time=brought)])
    assert stored.create_time == datetime(2020, 5, 5, 10, 0, tzinfo=UTC)
    assert await store.newest_messages(session.id, 0) == (stored,)


async def test_27_an_append_of_nothing_changes_nothing(store: SessionStore, clock: FakeClock) -> None:
    session = await store.create_session(draft())
    clock.advance(1)
    assert await store.append_messages(session.id, []) == ()
    assert await store.get_session(session.id) == session


async def test_28_concurrent_appends_lose_nothing_and_keep_each_writers_order(store: SessionStore) -> None:
    session = await store.create_session(draft())

    async def writer(name: int) -> None:
        for number in range(20):
            await store.append_messages(session.id, [user(f"{name}:{number}:a"), user(f"{name}:{number}:b")])

    async with asyncio.timeout(30):
        await asyncio.gather(*(writer(name) for name in range(10)))
    found = texts(await store.newest_messages(session.id, 0))
    assert len(found) == 400
    for name in range(10):
        own = [text for text in found if text.startswith(f"{name}:")]
        assert own == [f"{name}:{number}:{part}" for number in range(20) for part in "ab"]
    assert all(first[:-1] == second[:-1] for first, second in zip(found[::2], found[1::2], strict=True))
    assert (await store.get_session(session.id)).message_count == 400


# 7. Context.


async def test_29_context_items_are_sorted_and_replaced_by_type_and_key(store: SessionStore) -> None:
    session = await store.create_session(draft())

    def item(kind: str, key: str, value: str) -> ContextItem:
        return ContextItem(context_type=kind, context_key=key, context_value=value)

    for stored in (item("stack", "b", "1"), item("file", "z", "2"), item("stack", "a", "3"), item("stack", "b", "4")):
        await store.set_context_item(session.id, stored)
    stacks = (item("stack", "a", "3"), item("stack", "b", "4"))
    assert await store.list_context_items(session.id) == (item("file", "z", "2"), *stacks)
    assert await store.list_context_items(session.id, "stack") == stacks


# 8. Deleting.


async def test_30_a_deleted_session_is_gone_with_its_messages_and_context(store: SessionStore) -> None:
    session = await store.create_session(draft(request_id="r-1"))
    kept = await store.create_session(draft("kept"))
    for owner in (session, kept):
        await store.append_messages(owner.id, [user("hello")], request_id="m-1")
        await store.set_context_item(owner.id, ContextItem(context_type="t", context_key="k", context_value="v"))
    assert await store.delete_session(session.id)
    assert not await store.delete_session(session.id)
    with pytest.raises(SessionNotFoundError):
        await store.get_session(session.id)
    assert texts(await store.newest_messages(kept.id, 0)) == ["hello"]
    reborn = await store.create_session(draft(request_id="r-1"))
    assert reborn.id != session.id
    assert await store.newest_messages(reborn.id, 0) == ()
    assert await store.list_context_items(reborn.id) == ()
