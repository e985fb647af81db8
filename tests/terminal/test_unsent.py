"""What was typed and not sent outlives the chat it was typed in."""

import asyncio

import pytest

from atmos_ai_sidecar.application.ports.unsent_texts import Unsent
from atmos_ai_sidecar.domain.messages import Role
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import StorageUnavailableError
from atmos_ai_sidecar.terminal.chat.safekeeping import PAUSE_SECONDS
from tests.terminal.office import Office
from tests.terminal.sitting import CTRL_C, CTRL_D, UP, Sitting, office_with, plan, sitting, talk_for_ever


async def kept(person: Sitting, **expected: object) -> None:
    """Waits until that is kept: a moment after the last change, and not before."""
    async with asyncio.timeout(5):
        while True:
            unsent = person.office.unsent.kept
            if unsent is not None and all(getattr(unsent, name) == value for name, value in expected.items()):
                return
            person.clock.advance(PAUSE_SECONDS)
            await asyncio.sleep(0.01)


async def session_of(office: Office, name: str) -> str:
    session, _ = await office.sessions.resume_or_create(name)
    return session.id


async def test_draft_and_queue_are_kept_while_they_are_typed() -> None:
    async with sitting(talk_for_ever, "--session", "s") as person:
        await person.submit("Speak.")
        await person.see("Second")
        await person.submit("next one")
        person.console.type("look: \x1b[200~" + "long line\n" * 20 + "\x1b[201~ half a")
        await kept(
            person,
            session_id=await session_of(person.office, "s"),
            draft="look: " + "long line\n" * 20 + " half a",
            queue=("next one",),
            sending="",
        )
        person.console.signal("HUP")
        async with asyncio.timeout(5):
            assert await person.task == 129
    assert person.office.unsent.kept is not None
    assert person.office.unsent.is_closed


async def test_they_come_back_and_nothing_is_sent_by_itself() -> None:
    office = office_with(talk_for_ever)
    session = await session_of(office, "s")
    office.unsent.left[session] = Unsent(
        session_id=session, draft="half a question", sending="on its way", queue=("first", "second\nline", " ")
    )
    async with sitting(talk_for_ever, "--session", "s", office=office) as person:
        await person.see("The draft of the chat that broke is back.", "3 messages were not sent", "> half a question")
        await person.see("not sent: on its way", "not sent: first", "not sent: second")
        assert office.chat.turns == []
        await kept(person, draft="half a question", queue=("on its way", "first", "second\nline"))
        person.console.type(CTRL_C)
        await person.see("Ctrl-C again leaves")
        person.console.type(UP)
        await person.see("> second", "not sent: first")
        await person.submit(" changed")
        await person.see("Second")
        assert [turn.text for turn in office.chat.turns] == ["second\nline changed"]
        await kept(person, draft="", queue=("on its way", "first"))
        person.console.type(CTRL_D)
        async with asyncio.timeout(5):
            assert await person.task == 0
    assert office.unsent.kept == Unsent(session_id=session, queue=("on its way", "first"))


async def test_a_message_that_arrived_is_not_offered_again() -> None:
    office = office_with(plan)
    session = await session_of(office, "s")
    await office.sessions.add_message(SessionId(session), Role.USER, "It arrived.")
    office.unsent.left[session] = Unsent(session_id=session, sending="It arrived.", queue=("go on",))
    async with sitting(plan, "--session", "s", office=office) as person:
        await person.see("1 message was not sent", "not sent: go on")
        assert "not sent: It arrived" not in person.console.text


async def test_whoever_leaves_on_purpose_leaves_nothing() -> None:
    async with sitting(talk_for_ever, "--session", "s") as person:
        await person.submit("Speak.")
        await person.see("Second")
        await person.submit("next one")
        await kept(person, queue=("next one",))
        await person.leave()
    assert person.office.unsent.kept is None


@pytest.mark.parametrize("is_broken_from_the_start", [True, False])
async def test_no_place_to_keep_it_is_said_once(*, is_broken_from_the_start: bool) -> None:
    office = office_with(talk_for_ever)
    error = StorageUnavailableError("The disk is gone.", remedy="Mend it.", path="/state")
    office.unsent.error = error if is_broken_from_the_start else None
    async with sitting(talk_for_ever, office=office) as person:
        office.unsent.error = error
        for key in "ab":
            person.console.type(key)
            await person.see(f"> {'ab'[: 'ab'.index(key) + 1]}")
            for _ in range(5):
                person.clock.advance(PAUSE_SECONDS)
                await person.office_is_idle()
        await person.see("The disk is gone")
        assert person.console.text.count("The disk is gone") == 1
        person.console.type(CTRL_C)
        assert await person.leave() == 0
