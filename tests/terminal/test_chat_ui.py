import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.console import TerminalMode
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    PermissionRequested,
    StopReason,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from atmos_ai_sidecar.domain.messages import Message, Role, Text
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from tests.contracts.drafts import permission_request
from tests.fakes.chat import ScriptedTurn
from tests.fakes.console import FakeConsole
from tests.terminal.office import BROKEN, PLAN, answer_plainly
from tests.terminal.sitting import (
    CTRL_C,
    CTRL_D,
    ENTER,
    ESCAPE,
    UP,
    describe,
    office_with,
    plan,
    sitting,
    talk_for_ever,
)


class TestConversation:
    async def test_a_question_a_card_and_an_answer_stand_above_the_composer(self) -> None:
        async with sitting(describe, "--session", "s") as person:
            await person.submit("What is the CIDR?")
            await person.see("10.20.0.0/16", "• two")
            text = person.console.text
            places = [text.index(part) for part in ("Atmos AI", "> What is", "Let me look.", "✓ describe vpc", "It is")]
            assert places == sorted(places)
            assert "describe vpc in ue1-prod · 0.26 s" in text
            assert text.count("It is 10.20.0.0/16.") == 1
            assert person.office.chat.turns[0].arguments["attendance"] is Attendance.PRESENT
            assert await person.leave() == 0

    async def test_the_header_says_where_what_and_who_gets_the_data(self) -> None:
        async with sitting(answer_plainly, "--session", "s") as person:
            await person.see(
                "/project",
                "session s (new)",
                "fake-model",
                "permissions: prompt",
                "http://127.0.0.1:1",
                "a warning of the workspace",
            )
            await person.office_is_idle()
            assert person.office.has_prepared_model

    async def test_the_composer_is_drawn_before_the_workspace_is_open(self) -> None:
        office, opened = office_with(answer_plainly), asyncio.Event()
        inner = office.open_workspace

        @asynccontextmanager
        async def slowly(*arguments: Any, **options: Any) -> AsyncIterator[Any]:
            await opened.wait()
            async with inner(*arguments, **options) as workspace:
                yield workspace

        office.open_workspace = slowly  # type: ignore[method-assign]
        console = FakeConsole()
        task = asyncio.create_task(office.run(console, "chat"))
        await console.wait_for(">", "opening the project")
        console.type("typed early" + ENTER)
        await console.wait_for("next: typed early")
        opened.set()
        await console.wait_for("You said: typed early")
        console.type(CTRL_D)
        assert await task == 0

    async def test_text_streams_as_it_comes(self) -> None:
        async with sitting(talk_for_ever) as person:
            await person.submit("go")
            await person.see("First paragraph.", "Second", "Esc cancels")

    async def test_a_void_part_is_replaced_after_a_retry(self) -> None:
        going_on = asyncio.Event()

        async def retry(turn: ScriptedTurn) -> None:
            await turn.say("Half an ans")
            turn.put(ModelRetrying(attempt=1, delay_seconds=4, message="The model is overloaded."))
            await going_on.wait()
            await turn.say("A whole answer.")

        async with sitting(retry) as person:
            await person.submit("go")
            await person.see("The model is overloaded. Trying again in 4 s.")
            assert "Half an" not in person.console.text
            going_on.set()
            await person.see("A whole answer.")

    async def test_control_characters_of_the_model_are_shown_and_not_obeyed(self) -> None:
        async def attack(turn: ScriptedTurn) -> None:
            await turn.say("\x1b[2J\x1b]0;title\x07gone?")

        async with sitting(attack) as person:
            await person.submit("go")
            await person.see("\\x1b[2J\\x1b]0;title\\x07gone?")

    async def test_a_failed_tool_and_a_failed_turn_say_what_happened(self) -> None:
        async def fail(turn: ScriptedTurn) -> None:
            await turn.call(BROKEN)
            turn.fail("MODEL_UNAVAILABLE", "The model is overloaded. Type /retry.")

        async with sitting(fail) as person:
            await person.submit("go")
            await person.see("✗ validate the stacks · 0.10 s · failed (exit 1): no such stack", "Type /retry.")

    async def test_a_message_that_cannot_be_sent_comes_back_into_the_draft(self) -> None:
        async with sitting() as person:
            person.office.chat.error = ModelNotConfiguredError("No key.", remedy="Set ANTHROPIC_API_KEY.")
            await person.submit("precious words")
            await person.see("Error: No key. Set ANTHROPIC_API_KEY.", "> precious words")

    async def test_the_output_of_a_tool_is_shown_on_demand(self) -> None:
        async with sitting(describe) as person:
            await person.submit("go")
            await person.see("• two")
            person.console.type("\x0f")
            await person.see("cidr_block: 10.20.0.0/16")


class TestApproval:
    @pytest.mark.parametrize(
        ("keys", "outcome", "words"),
        [
            (["y"], Answer.ALLOW_ONCE, "Plan: 3 to add"),
            (["a"], Answer.ALLOW_ALWAYS, "Remembered: always allow"),
            (["n", ENTER], Answer.REJECT_ONCE, "⊘ plan database in ue1-prod"),
            (["n", "not now", ENTER], Answer.REJECT_ONCE, "The user says: not"),
            (["d"], Answer.REJECT_ALWAYS, "Remembered: always reject"),
        ],
    )
    async def test_a_question_is_answered_with_a_key(self, keys: list[str], outcome: Answer, words: str) -> None:
        async with sitting(plan) as person:
            await person.submit("plan it")
            await person.see(
                "Plans a component.", "Stack      ue1-prod", "tools that need permission ask", "Yes, this once"
            )
            await person.answer(keys[0])
            for key in keys[1:]:
                await person.see("Why not?")
                person.console.type(key)
            await person.see(words)
            requests, _ = await person.office.chat.approval_store.list_requests(limit=9)
            assert requests[0].outcome is outcome
            assert requests[0].resolved_by == "chat"
            assert requests[0].comment == ("not now" if "not now" in keys else "")
            assert "may this run?" not in "\n".join(person.console.lines)

    async def test_keys_in_the_first_moment_and_pasted_text_never_answer(self) -> None:
        async with sitting(plan) as person:
            await person.submit("plan it")
            await person.see("may this run?")
            person.console.type("y")
            await person.see("too soon: press y again")
            person.clock.advance(0.4)
            person.console.type("yes")
            person.console.type("\x1b[200~y\x1b[201~")
            await person.see("> y")
            requests, _ = await person.office.chat.approval_store.list_requests(limit=9)
            assert requests[0].outcome is None

    async def test_who_is_typing_when_a_question_comes_answers_nothing(self) -> None:
        asked = asyncio.Event()

        async def plan_later(turn: ScriptedTurn) -> None:
            await asked.wait()
            await plan(turn)

        async with sitting(plan_later) as person:
            await person.submit("go")
            person.console.type("an")
            await person.see("> an")
            asked.set()
            await person.see("may this run?")
            for letter in "alyze":
                person.console.type(letter)
                await person.office_is_idle()
                person.clock.advance(0.2)
            await person.see("> analyze")

    async def test_several_questions_are_numbered(self) -> None:
        async def plan_two(turn: ScriptedTurn) -> None:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(turn.call(PLAN, component="vpc", stack="ue1-dev"))
                tasks.create_task(turn.call(PLAN, component="vpc", stack="ue1-prod"))

        async with sitting(plan_two) as person:
            await person.submit("go")
            await person.see("Question 1 of 2", "plan vpc in ue1-dev")
            await person.answer("2")
            await person.see("Question 2 of 2")
            person.clock.advance(0.4)
            person.console.type("y")
            await person.see("✓ plan vpc in ue1-prod")
            await person.answer("y")
            await person.see("✓ plan vpc in ue1-dev")

    async def test_a_turn_of_another_chat_is_followed_and_what_is_typed_waits_for_its_end(self) -> None:
        office = office_with(answer_plainly)
        session, _ = await office.sessions.resume_or_create("shared")
        office.chat.elsewhere.add(session.id)
        async with sitting(answer_plainly, "--session", "shared", office=office) as person:

            def tell(event: TurnEvent) -> None:
                office.chat.publish(session.id, "turn-of-another", event)

            await person.see("working 0 s")
            tell(TurnStarted(user_message="from another chat", model="m"))
            await person.see("> from another chat")
            request = permission_request("r-1", session_id=session.id)
            tell(PermissionRequested(request=request))
            await person.see(f"Another chat is asked: {request.title}: may this run?")
            assert "Yes, this once" not in person.console.text
            await person.submit("mine")
            await person.see("next: mine")
            person.console.type(ESCAPE)
            await person.see("another chat runs this turn")
            assert office.chat.turns == []
            office.chat.elsewhere.clear()
            tell(TurnFinished(stop_reason=StopReason.END_TURN))
            await person.see("You said: mine")

    @pytest.mark.parametrize("is_told_first", [False, True])
    async def test_what_another_chat_says_while_this_one_opens_stands_there_once(
        self, monkeypatch: pytest.MonkeyPatch, *, is_told_first: bool
    ) -> None:
        office = office_with(answer_plainly)
        session, _ = await office.sessions.resume_or_create("shared")
        store, chat = office.chat.store, office.chat
        read, asked = store.newest_messages, Message(role=Role.USER, blocks=(Text(text="yes?"),), turn_id="t")
        pending = [True]

        def tell() -> None:
            chat.publish(session.id, "t", TurnStarted(user_message="yes?", model="m"))

        async def read_while_another_speaks(*arguments: Any) -> Sequence[Message]:
            is_first = bool(pending and pending.pop())
            if is_first and not is_told_first:
                await store.append_messages(session.id, (asked,))
            messages = await read(*arguments)
            if is_first and is_told_first:
                await store.append_messages(session.id, (asked,))
                tell()
            return messages

        monkeypatch.setattr(store, "newest_messages", read_while_another_speaks)
        async with sitting(answer_plainly, "--session", "shared", office=office) as person:
            if not is_told_first:
                await person.see("ready")
                tell()
            await person.see("> yes?")
            chat.publish(session.id, "t", TurnFinished(stop_reason=StopReason.END_TURN))
            await person.submit("mine")
            await person.see("You said: mine")
            assert person.console.text.count("> yes?") == 1

    async def test_an_answer_from_elsewhere_closes_the_question(self) -> None:
        async with sitting(plan) as person:
            await person.submit("go")
            await person.see("may this run?")
            requests, _ = await person.office.chat.approval_store.list_requests(limit=9)
            await person.office.approvals.answer(
                requests[0].id, "allow_once", shown_digest=requests[0].digest, resolved_by="grpcurl"
            )
            await person.see("settled elsewhere: allow once (grpcurl)", "Plan: 3 to add")

    async def test_escape_cancels_the_turn_with_its_question(self) -> None:
        async with sitting(plan) as person:
            await person.submit("go")
            await person.see("may this run?")
            person.console.type(ESCAPE)
            await person.see("Cancelled.", "ready")

    async def test_a_question_longer_than_the_screen_goes_into_the_scrollback(self) -> None:
        async with sitting(plan, columns=20, rows=10) as person:
            await person.submit("go")
            await person.see("more lines")
            lines = person.console.lines
            assert any(line.startswith(" y  Yes, this once") for line in lines), lines
            await person.see("Component: database")
            person.clock.advance(0.4)
            person.console.type("y")
            await person.see("Plan: 3 to add")

    async def test_a_question_that_a_smaller_screen_cuts_goes_into_the_scrollback_once(self) -> None:
        async with sitting(plan, columns=80, rows=40) as person:
            await person.submit("go")
            await person.see("Component  database")
            await person.office_is_idle()
            written = len(person.console.out)
            for columns, rows in ((70, 10), (60, 9), (1, 1), (70, 10)):
                person.console.resize(columns, rows)
                await person.office_is_idle()
            await person.see("more lines above")
            assert person.console.out[written:].count("Always     would remember") == 1
            await person.answer("n")
            await person.see("Why not? ")
            person.console.type("later" + ENTER)
            await person.see("says: later")


class TestKeys:
    async def test_escape_cancels_and_keeps_what_was_said(self) -> None:
        async with sitting(talk_for_ever) as person:
            await person.submit("go")
            await person.see("Second")
            person.console.type(ESCAPE)
            await person.see("Cancelled. What was said so far is kept.", "Second", "ready")

    async def test_the_first_control_c_cancels_and_the_second_leaves(self) -> None:
        async with sitting(talk_for_ever) as person:
            await person.submit("go")
            await person.see("Second")
            person.console.type(CTRL_C)
            await person.see("Cancelled.", "Ctrl-C again leaves")
            person.console.type(CTRL_C)
            assert await person.task == 130
            assert person.console.modes == [TerminalMode.RAW, TerminalMode.COOKED]

    async def test_control_c_clears_a_draft_and_two_far_apart_do_not_leave(self) -> None:
        async with sitting() as person:
            person.console.type("a draft")
            await person.see("> a draft")
            person.console.type(CTRL_C)
            await person.console.wait_until(lambda: "a draft" not in person.console.text)
            person.clock.advance(3)
            person.console.type(CTRL_C)
            await person.submit("still here")
            await person.see("You said: still here")

    async def test_control_d_leaves_only_when_the_draft_is_empty(self) -> None:
        async with sitting() as person:
            person.console.type("x" + CTRL_D)
            await person.see("> x")
            person.console.type("\x7f")
            assert await person.leave() == 0

    async def test_messages_that_are_typed_while_it_works_wait_and_can_be_edited(self) -> None:
        async with sitting(talk_for_ever) as person:
            await person.submit("go")
            await person.see("Second")
            await person.submit("the next")
            await person.submit("the one after")
            await person.see("next: the next", "next: the one after")
            person.console.type(UP)
            await person.see("> the one after")
            person.office.chat.script = answer_plainly
            person.console.type(ESCAPE)
            await person.see("You said: the next", "> the one after")

    async def test_of_many_messages_that_wait_the_newest_are_shown(self) -> None:
        async with sitting(talk_for_ever) as person:
            await person.submit("go")
            await person.see("Second")
            for number in range(30):
                await person.submit(f"later {number}")
            await person.see("next: … 26 more, then", "next: later 26", "next: later 29")
            person.console.type(UP)
            await person.see("> later 29", "next: later 28", "25 more")

    async def test_up_brings_back_what_was_said_and_control_r_searches(self) -> None:
        async with sitting() as person:
            await person.submit("first words")
            await person.see("You said: first words")
            await person.submit("second words")
            await person.see("You said: second words")
            person.console.type("\x12")
            person.console.type("fir")
            await person.see("search: fir")
            person.console.type(ENTER)
            await person.see("> first words")

    async def test_a_new_line_does_not_send(self) -> None:
        async with sitting() as person:
            person.console.type("one\x1b\rtwo\nthree" + ENTER)
            await person.see("You said: one two three")
            assert person.office.chat.turns[0].text == "one\ntwo\nthree"

    async def test_shift_tab_switches_read_only(self) -> None:
        async with sitting() as person:
            person.console.type("\x1b[Z")
            await person.see("read-only")
            assert person.office.permissions.is_read_only

    async def test_a_big_paste_is_a_placeholder_and_sent_in_full(self) -> None:
        async with sitting(describe) as person:
            paste = ("x" * 99 + "\n") * 10_486
            person.console.type(f"look: \x1b[200~{paste}\x1b[201~")
            await person.see("[Pasted text #1: 1048600 characters, 10487 lines]")
            person.console.type(ENTER)
            await person.console.wait_until(lambda: person.office.chat.turns)
            assert person.office.chat.turns[0].text == f"look: {paste}"
            await person.see("more lines")

    async def test_suspending_comes_back_with_the_draft(self) -> None:
        async with sitting() as person:
            person.console.type("a draft")
            await person.see("> a draft")
            person.console.type("\x1a")
            await person.console.wait_until(lambda: person.console.suspensions)
            assert "a draft" not in person.console.text
            person.console.resume()
            await person.see("> a draft")

    @pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129), ("INT", 130)])
    async def test_a_signal_ends_the_chat_with_its_code(self, name: str, code: int) -> None:
        async with sitting() as person:
            person.console.signal(name)
            assert await person.task == code
            assert person.console.modes[-1] is TerminalMode.COOKED

    async def test_the_end_of_the_input_is_a_hang_up(self) -> None:
        async with sitting() as person:
            person.console.end_input()
            assert await person.task == 129
