import asyncio
import re
from typing import Any

import pytest

from atmos_ai_sidecar.application.ports.console import TerminalMode
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.fakes.chat import ScriptedTurn
from tests.fakes.console import FakeConsole
from tests.terminal.office import Office, answer_plainly
from tests.terminal.sitting import CTRL_D, ENTER, UP, describe, office_with, sitting


class TestSessions:
    async def test_a_resumed_chat_shows_the_conversation_with_its_cards(self) -> None:
        async with sitting(describe, "--session", "s") as person:
            await person.submit("What is the CIDR?")
            await person.see("• two")
            assert await person.leave() == 0
            assert "atmos-ai chat --session s" in person.console.text
            office = person.office
        async with sitting(describe, "--session", "s", office=office) as person:
            await person.see("resumed, 4 messages", "> What is the CIDR?", "✓ describe vpc in ue1-prod", "• two")
            person.console.type(UP)
            await person.see("> What is the CIDR?")
            assert '"session":"s"' in person.console.resume_tokens[0]

    async def test_a_command_takes_what_it_can_use_and_nothing_else(self) -> None:
        async with sitting(answer_plainly) as person:
            await person.submit("/quit now")
            await person.see("/quit: takes nothing behind it. Type /quit.")
            await person.submit("/Usage")
            await person.see("Model requests: 0")
            await person.submit("/show-stacks")
            await person.see("There is no command /show-stacks.")
            await person.submit("/etc/hosts is what?")
            await person.see("You said: /etc/hosts is what?")

    async def test_slash_commands_work_on_the_screen(self) -> None:
        async with sitting(answer_plainly, "--session", "one") as person:
            await person.submit("/helpp")
            await person.see("Did you mean /help?")
            await person.submit("/new two")
            await person.see("session two (new)")
            await person.submit("hello")
            await person.see("You said: hello")
            await person.submit("/sessions one")
            await person.see("session one (resumed, 0 messages)")
            await person.submit("/clear")
            await person.console.wait_until(lambda: "You said" not in "\n".join(person.console.lines))
            await person.submit("/quit")
            assert await person.task == 0

    async def test_an_unknown_project_is_trusted_on_the_screen(self) -> None:
        office = office_with(answer_plainly)
        office.is_trusted = False
        console = FakeConsole()
        task = asyncio.create_task(office.run(console, "chat"))
        await console.wait_for("Trust this project?", "base_url: http://evil")
        office.clock.advance(0.4)
        console.type("y")
        await console.wait_for("ready")
        console.type(CTRL_D)
        assert await task == 0

    async def test_no_trust_leaves_with_the_remedy(self) -> None:
        office = office_with(answer_plainly)
        office.is_trusted = False
        console = FakeConsole()
        task = asyncio.create_task(office.run(console, "chat"))
        await console.wait_for("Trust this project?")
        office.clock.advance(0.4)
        console.type("n")
        assert await task == 5
        assert "--trust-project" in console.text
        assert console.modes[-1] is TerminalMode.COOKED

    async def test_a_workspace_that_does_not_open_is_one_clear_error(self) -> None:
        office, console = office_with(answer_plainly), FakeConsole()
        office.error = ConfigurationInvalidError("expected a map", file="atmos.yaml", line=7)
        assert await office.run(console, "chat") == 1
        assert console.lines[0] == "Error: atmos.yaml:7: expected a map"
        assert console.lines[1] == ""


class TestScreen:
    async def test_a_narrower_screen_leaves_one_composer(self) -> None:
        async with sitting() as person:
            person.console.type("a draft that is long enough to be wrapped on a screen that gets narrow " * 2)
            await person.see("narrow")
            for columns in (70, 50, 33, 27, 60, 80, 41):
                person.console.resize(columns, 24)
                await person.office_is_idle()
            shown = "\n".join(person.console.lines)
            assert shown.count("> a draft") == 1, shown
            assert shown.count("ready") == 1, shown

    async def test_a_terminal_that_does_not_reflow_loses_no_line(self) -> None:
        environment = {"TERM": "xterm-256color", "XTERM_VERSION": "XTerm(390)"}
        async with sitting(reflows=False, environment=environment) as person:
            await person.submit("keep me")
            await person.see("You said: keep me")
            for columns in (60, 40, 30):
                person.console.resize(columns, 24)
                await person.office_is_idle()
            shown = "\n".join(person.console.lines)
            assert "You said: keep me" in shown
            assert shown.count("ready") == 1, shown

    @pytest.mark.parametrize(("columns", "rows"), [(20, 10), (200, 50), (1, 1)])
    async def test_any_size_works(self, columns: int, rows: int) -> None:
        office = office_with(describe)
        console = FakeConsole(columns=80, rows=24)
        task = asyncio.create_task(office.run(console, "chat"))
        await console.wait_for("ready")
        console.resize(columns, rows)
        console.type("go" + ENTER)
        await console.wait_until(lambda: office.chat.turns and not office.chat.is_running(_only(office)))
        console.type(CTRL_D)
        assert await task == 0

    async def test_no_color_means_no_colours(self) -> None:
        async with sitting(describe, environment={"TERM": "xterm-256color", "NO_COLOR": "1"}) as person:
            await person.submit("go")
            await person.see("• two")
            codes = set(re.findall(r"\x1b\[([0-9;]*)m", person.console.out))
            colours = {part for code in codes for part in code.split(";") if part and int(part) >= 30}
            assert colours == set()

    async def test_a_terminal_that_is_stopped_gets_nothing_and_misses_nothing(self) -> None:
        going_on, done = asyncio.Event(), asyncio.Event()

        async def flood(turn: ScriptedTurn) -> None:
            await turn.say("start\n\n")
            await going_on.wait()
            for number in range(2000):
                turn.put(TextDelta(text=f"paragraph {number}\n\n"))
            done.set()

        async with sitting(flood) as person:
            await person.submit("go")
            await person.see("start")
            person.console.is_stopped = True
            before = len(person.console.stdout)
            going_on.set()
            await done.wait()
            await person.office_is_idle()
            assert len(person.console.stdout) - before < 20_000
            person.console.is_stopped = False
            await person.see("paragraph 0", "paragraph 1999")
            assert person.console.text.count("paragraph 1000\n") == 1

    async def test_two_chats_in_one_process_do_not_meet(self, capfd: pytest.CaptureFixture[str]) -> None:
        async with sitting(answer_plainly, "--session", "a") as one, sitting(answer_plainly, "--session", "b") as two:
            for number in range(5):
                await one.submit(f"apple {number}")
                await two.submit(f"pear {number}")
            await one.see("You said: apple 4")
            await two.see("You said: pear 4")
            assert "pear" not in one.console.text
            assert "apple" not in two.console.text
            assert await one.leave() == 0
            await two.submit("after")
            await two.see("You said: after")
            assert await two.leave() == 0
        assert capfd.readouterr() == ("", "")
        assert asyncio.get_running_loop().get_exception_handler() is None


def _only(office: Office) -> Any:
    return next(iter(office.store._sessions))
