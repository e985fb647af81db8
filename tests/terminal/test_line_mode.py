import asyncio
import json

import pytest

from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.errors import ModelNotConfiguredError
from tests.fakes.chat import ScriptedTurn
from tests.fakes.console import FakeConsole
from tests.terminal.office import DESCRIBE, PLAN, Office, answer_plainly, piped

DUMB = {"TERM": "dumb"}


async def plan(turn: ScriptedTurn) -> None:
    result = await turn.call(PLAN, component="database", stack="ue1-prod")
    await turn.say("Planned." if result.success else f"Refused. {result.error}")


async def test_lines_from_a_pipe_are_answered_one_by_one() -> None:
    console, office = piped(), Office()
    console.type("one\n\ntwo\n")
    console.end_input()
    assert await office.run(console, "chat") == 0
    assert console.out == "You said: one\nYou said: two\n"
    assert "permissions: prompt" in console.err


async def test_no_byte_on_a_dumb_terminal_moves_the_cursor() -> None:
    console, office = FakeConsole(environment=DUMB), Office(plan)
    console.type("go\n")
    office.answer(console, "maybe")
    office.answer(console, "y")
    console.end_input()
    assert await office.run(console, "chat") == 0
    assert "\x1b" not in console.out + console.err
    assert console.modes == []
    assert "Planned." in console.out
    assert "plan database in ue1-prod" in console.err


async def test_plain_is_line_mode_on_any_terminal() -> None:
    console = FakeConsole()
    console.type("hello\n")
    console.end_input()
    assert await Office().run(console, "chat", "--plain") == 0
    assert console.modes == []
    assert "You said: hello" in console.out


@pytest.mark.parametrize(
    ("keys", "outcome", "words"),
    [
        (["y"], Answer.ALLOW_ONCE, "Planned."),
        (["a"], Answer.ALLOW_ALWAYS, "Planned."),
        (["d"], Answer.REJECT_ALWAYS, "Refused."),
        (["n", "not today"], Answer.REJECT_ONCE, "The user says: not today"),
    ],
)
async def test_a_question_is_answered_by_a_letter_on_a_line(keys: list[str], outcome: Answer, words: str) -> None:
    console, office = FakeConsole(environment=DUMB), Office(plan)
    console.type("go\n")
    for key in keys:
        office.answer(console, key)
    console.end_input()
    assert await office.run(console, "chat") == 0
    requests, _ = await office.chat.approval_store.list_requests(limit=9)
    assert requests[0].outcome is outcome
    assert words in console.out
    assert "Why" in console.err


async def test_what_was_typed_before_a_question_is_a_message_or_nothing_but_never_an_answer() -> None:
    console, office = FakeConsole(environment=DUMB), Office(plan)
    console.type("go\n")
    console.type("y\nand the vpc?\n")
    for letter in "nn":
        office.answer(console, letter)
        console.type("\n")
    console.end_input()
    assert await office.run(console, "chat") == 0
    requests, _ = await office.chat.approval_store.list_requests(limit=9)
    assert [request.outcome for request in requests] == [Answer.REJECT_ONCE] * 2
    assert console.err.count("was typed before the question") == 2
    assert "It is sent when the turn has ended." in console.err


async def test_the_end_of_the_input_is_no_consent() -> None:
    console, office = FakeConsole(environment=DUMB), Office(plan)
    console.type("go\n")
    console.end_input()
    assert await office.run(console, "chat") == 0
    assert "Refused." in console.out


async def test_a_resumed_session_is_shown_again_with_its_cards() -> None:
    async def describe(turn: ScriptedTurn) -> None:
        await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
        await turn.say("10.20.0.0/16")

    office = Office(describe)
    first, second = piped(), FakeConsole(environment=DUMB)
    first.type("What is the CIDR?\n")
    first.end_input()
    second.end_input()
    await office.run(first, "chat", "--session", "s")
    await office.run(second, "chat", "--continue")
    assert "session s (resumed, 4 messages)" in second.out
    assert "> What is the CIDR?\n✓ describe vpc in ue1-prod · 0.26 s\n10.20.0.0/16\n" in second.out
    assert json.loads(second.resume_tokens[0])["session"] == "s"


async def test_an_interrupt_cancels_a_turn_and_the_chat_goes_on() -> None:
    console = FakeConsole(environment=DUMB)

    async def wait(turn: ScriptedTurn) -> None:
        await turn.say("So far.\n")
        console.signal("INT")
        await asyncio.Event().wait()

    console.type("go\n")
    console.end_input()
    assert await Office(wait).run(console, "chat") == 0
    assert "So far." in console.out
    assert "Cancelled" in console.err


@pytest.mark.parametrize(("names", "code"), [(["INT", "INT"], 130), (["TERM"], 143), (["HUP"], 129)])
async def test_signals_at_the_prompt_leave(names: list[str], code: int) -> None:
    console, office = FakeConsole(environment=DUMB), Office()
    running = asyncio.create_task(office.run(console, "chat"))
    for number, name in enumerate(names):
        prompts = number + 1
        await console.wait_until(lambda: console.err.count("> ") >= prompts)  # noqa: B023 - waited for at once
        console.signal(name)
    assert await running == code


async def test_an_error_is_told_and_the_chat_goes_on() -> None:
    console, office = piped(), Office()
    office.chat.error = ModelNotConfiguredError("No key.", remedy="Set ANTHROPIC_API_KEY.")
    console.type("one\n/quit\nnever\n")
    assert await office.run(console, "chat") == 1
    assert "Error: No key. Set ANTHROPIC_API_KEY." in console.err


class TestSlashCommands:
    async def run(self, *lines: str) -> tuple[FakeConsole, Office]:
        console, office = FakeConsole(environment=DUMB), Office(answer_plainly)
        for line in lines:
            console.type(f"{line}\n")
        console.end_input()
        assert await office.run(console, "chat", "--session", "first") == 0
        return console, office

    async def test_help_lists_every_command(self) -> None:
        console, _ = await self.run("/help")
        for name in ("help", "sessions", "new", "rename", "clear", "model", "permissions", "tools", "retry", "quit"):
            assert f"  /{name}" in console.out

    async def test_an_unknown_one_is_answered_with_the_nearest(self) -> None:
        console, office = await self.run("/sesions", "/zzzzz")
        assert "Did you mean /sessions?" in console.out
        assert "/help lists the commands" in console.out
        assert office.chat.turns == []

    async def test_a_path_is_a_message(self) -> None:
        _, office = await self.run("/etc/hosts has what?")
        assert office.chat.turns[0].text == "/etc/hosts has what?"

    async def test_sessions_are_started_renamed_listed_and_resumed(self) -> None:
        console, office = await self.run(
            "hi", "/new second", "/rename better", "/sessions", "/sessions first", "/rename"
        )
        assert "session second (new)" in console.out
        assert "This session is called better now." in console.out
        assert "session first (resumed, 2 messages)" in console.out
        assert "Type /rename NAME." in console.err
        assert {session.name for session in (await office.sessions.list(limit=9)).sessions} == {"first", "better"}

    async def test_a_message_is_said_again(self) -> None:
        console, office = await self.run("/retry", "one", "/retry")
        assert "Nothing was said yet." in console.out
        assert [turn.text for turn in office.chat.turns] == ["one", "one"]

    async def test_the_model_is_chosen_for_the_turns_that_follow(self) -> None:
        console, office = await self.run("/model", "/model opus", "hi")
        assert "This session asks fake-model." in console.out
        assert office.chat.turns[0].arguments["model"] == "opus"

    async def test_tools_and_permissions_are_shown(self) -> None:
        console, _ = await self.run("/tools", "/permissions", "/clear", "/quit", "never")
        assert "atmos_terraform_plan      execute  asks" in console.out
        assert "Mode: prompt." in console.out
        assert "never" not in console.out

    async def test_a_remembered_answer_cannot_draw(self) -> None:
        console, office = FakeConsole(environment=DUMB), Office()
        office.grants.add(Grant(tool="x", allow=True, input={"path": "\x1b]0;me\x07"}))
        console.type("/permissions\n")
        console.end_input()
        assert await office.run(console, "chat") == 0
        assert "path = \\x1b]0;me\\x07" in console.out
