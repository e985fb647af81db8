"""Sessions that are stored only when somebody says so, on real stores."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from atmos_ai_sidecar.adapters.sqlite import open_memory_store
from atmos_ai_sidecar.application.drafts import Drafts
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.application.ports.store import Store
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.sessions import ContextItem
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import EtagMismatchError, SessionExistsError, SessionNotFoundError
from tests.contracts.conftest import clock, new_database, postgres_server, store
from tests.contracts.drafts import PROJECT, draft, texts, user
from tests.fakes.clock import FakeClock

__all__ = ["clock", "new_database", "postgres_server", "store"]


class Desk:
    """Two stores, the drafts between them, and the sessions as a run with drafts sees them."""

    def __init__(self, memory: Store, kept: Store) -> None:
        self.memory, self.kept = memory, kept
        self.drafts = Drafts(memory, kept=kept, project_path=PROJECT)
        self.sessions = Sessions(
            memory,
            project_path=PROJECT,
            model="m",
            provider="p",
            redact=str,
            is_busy=lambda _: False,
            drafts=self.drafts,
        )

    async def kept_names(self) -> list[str]:
        page = await self.kept.list_sessions(PROJECT, limit=50)
        return [session.name for session in page.sessions]

    async def seen_names(self) -> list[str]:
        return [session.name for session in (await self.sessions.list(limit=50)).sessions]


@pytest.fixture
async def desk(store: Store, clock: FakeClock) -> AsyncIterator[Desk]:
    async with asyncio.timeout(10):
        memory = await open_memory_store(clock)
        yield Desk(memory, store)
        await memory.close()


async def test_nothing_is_stored_until_it_is_saved_and_then_all_that_was_said(desk: Desk) -> None:
    session = await desk.sessions.create(name="plan")
    said = (
        user("List the stacks"),
        Message(
            role=Role.ASSISTANT,
            blocks=(Text(text="Looking."), ToolCall(id="t1", name="atmos_list_stacks", input={"a": 1})),
            turn_id="turn-1",
            usage=Usage(input_tokens=10, output_tokens=2, cost_usd=0.5),
        ),
        Message(role=Role.USER, blocks=(ToolResult(tool_call_id="t1", result=Result(success=True, output="dev")),)),
    )
    await desk.memory.append_messages(session.id, said)
    await desk.sessions.set_context_item(session.id, ContextItem(context_type="a", context_key="b", context_value="c"))
    assert await desk.kept_names() == []
    assert await desk.seen_names() == ["plan"]
    saved = await desk.drafts.save(session.id)
    stored = await desk.kept.newest_messages(saved.id, 0)
    assert [(message.role, message.blocks, message.usage) for message in stored] == [
        (message.role, message.blocks, message.usage) for message in said
    ]
    assert len(await desk.kept.list_context_items(saved.id)) == 1
    assert await desk.seen_names() == ["plan"]


async def test_a_stored_session_goes_on_as_a_draft_and_stays_as_it_is(desk: Desk) -> None:
    stored = await desk.kept.create_session(draft("vpc"))
    await desk.kept.append_messages(stored.id, (user("one"),))
    session, is_new = await desk.sessions.resume_or_create("vpc")
    assert not is_new
    await desk.sessions.add_message(session.id, Role.USER, "two")
    assert texts(await desk.kept.newest_messages(stored.id, 0)) == ["one"]
    assert await desk.seen_names() == ["vpc"]
    await desk.drafts.save(session.id)
    await desk.sessions.add_message(session.id, Role.USER, "three")
    saved = await desk.drafts.save(session.id)
    assert await desk.kept_names() == ["vpc"]
    assert texts(await desk.kept.newest_messages(saved.id, 0)) == ["one", "two", "three"]


async def test_the_newest_session_goes_on_as_a_draft(desk: Desk) -> None:
    stored = await desk.kept.create_session(draft("vpc"))
    newest = await desk.sessions.newest()
    assert newest is not None
    assert newest.name == "vpc"
    assert newest.id != stored.id
    await desk.sessions.add_message(newest.id, Role.USER, "more")
    assert await desk.kept.newest_messages(stored.id, 0) == ()


async def test_stored_sessions_are_seen_and_edited_beside_the_drafts(desk: Desk) -> None:
    stored = await desk.kept.create_session(draft("vpc"))
    await desk.kept.append_messages(stored.id, (user("one"),))
    await desk.sessions.create(name="plan")
    assert sorted(await desk.seen_names()) == ["plan", "vpc"]
    assert texts(await desk.sessions.messages(stored.id)) == ["one"]
    await desk.sessions.update(stored.id, SessionChange(name="vpc-2"))
    assert await desk.kept_names() == ["vpc-2"]
    await desk.sessions.delete(stored.id)
    assert await desk.kept_names() == []
    with pytest.raises(SessionNotFoundError):
        await desk.sessions.get(stored.id)


async def test_names_of_stored_sessions_are_taken(desk: Desk) -> None:
    await desk.kept.create_session(draft("vpc"))
    with pytest.raises(SessionExistsError):
        await desk.sessions.create(name="vpc")
    session = await desk.sessions.create(name="plan")
    with pytest.raises(SessionExistsError):
        await desk.sessions.update(session.id, SessionChange(name="vpc"))


async def test_a_renamed_draft_is_saved_under_its_new_name_only(desk: Desk) -> None:
    await desk.kept.create_session(draft("vpc"))
    session = await desk.sessions.get_by_name("vpc")
    await desk.sessions.update(session.id, SessionChange(name="net"))
    await desk.sessions.update(session.id, SessionChange(name="vpc"))
    await desk.sessions.update(session.id, SessionChange(name="net"))
    await desk.drafts.save(session.id)
    assert await desk.kept_names() == ["net"]


async def test_what_another_program_stored_meanwhile_is_not_overwritten(desk: Desk) -> None:
    stored = await desk.kept.create_session(draft("vpc"))
    session = await desk.sessions.get_by_name("vpc")
    await desk.kept.append_messages(stored.id, (user("theirs"),))
    with pytest.raises(EtagMismatchError):
        await desk.drafts.save(session.id)
    other = await desk.sessions.create(name="plan")
    await desk.kept.create_session(draft("plan"))
    with pytest.raises(SessionExistsError):
        await desk.drafts.save(other.id)
    assert texts(await desk.kept.newest_messages(stored.id, 0)) == ["theirs"]


async def test_a_draft_whose_stored_session_was_deleted_is_saved_anew(desk: Desk) -> None:
    stored = await desk.kept.create_session(draft("vpc"))
    session = await desk.sessions.get_by_name("vpc")
    await desk.kept.delete_session(stored.id)
    await desk.drafts.save(session.id)
    assert await desk.kept_names() == ["vpc"]


async def test_pages_after_the_first_hold_stored_sessions_only(desk: Desk) -> None:
    for name in ("a", "b", "c"):
        await desk.kept.create_session(draft(name))
    await desk.sessions.create(name="plan")
    first = await desk.sessions.list(limit=2)
    second = await desk.sessions.list(limit=2, cursor=first.next_cursor)
    names = [session.name for session in (*first.sessions, *second.sessions)]
    assert sorted(names) == ["a", "b", "c", "plan"]
    assert "plan" not in [session.name for session in second.sessions]
