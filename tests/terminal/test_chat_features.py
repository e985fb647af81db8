"""What makes a chat comfortable: menus, lists, what it remembers, and what it shows of itself."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.application.doctor import CheckedFinding, Finding, Health
from atmos_ai_sidecar.domain.events import UsageReported
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.tools import Effect, Parameter, Result, Tool
from atmos_ai_sidecar.errors import StorageUnavailableError
from tests.fakes.chat import ScriptedTurn
from tests.terminal.office import Office, answer_plainly
from tests.terminal.sitting import (
    CTRL_C,
    ENTER,
    ESCAPE,
    UP,
    Sitting,
    office_with,
    sitting,
    talk_for_ever,
)

CTRL_L, CTRL_O, CTRL_R, CTRL_T, CTRL_X, DOWN, TAB = "\x0c", "\x0f", "\x12", "\x14", "\x18", "\x1b[B", "\t"


def project_of(stacks: int = 3) -> Office:
    office = office_with(answer_plainly)
    office.index.stacks = [f"ue1-{name}" for name in ("dev", "prod", "staging")][:stacks]
    office.index.paths = ["atmos.yaml", "stacks/deploy/ue1-dev.yaml"]
    return office


class TestCompletion:
    async def test_the_size_of_the_project_stands_below_the_header(self) -> None:
        async with sitting(office=project_of()) as person:
            await person.see("3 stacks · 1 component")

    async def test_a_reference_completes_stacks_components_and_files(self) -> None:
        async with sitting(office=project_of()) as person:
            await person.see("3 stacks")
            person.console.type("compare @ue1")
            await person.see("ue1-dev ", "ue1-prod ", "stacks/deploy/ue1-dev.yaml  file")
            person.console.type(DOWN)
            person.console.type(TAB)
            await person.see("> compare ue1-prod")
            person.console.type("and @atm")
            await person.see("atmos.yaml")
            person.console.type(ENTER)
            await person.see("> compare ue1-prod and atmos.yaml")
            person.console.type(ENTER)
            await person.see("You said: compare ue1-prod and atmos.yaml")

    async def test_escape_closes_the_menu_and_keeps_the_draft(self) -> None:
        async with sitting(office=project_of()) as person:
            await person.see("3 stacks")
            person.console.type("@ue")
            await person.see("ue1-staging")
            person.console.type(ESCAPE)
            await person.console.wait_until(lambda: "ue1-staging" not in "\n".join(person.console.lines))
            assert "> @ue" in "\n".join(person.console.lines)

    async def test_a_slash_lists_the_commands_and_enter_runs_the_chosen_one(self) -> None:
        async with sitting() as person:
            person.console.type("/us")
            await person.see("/usage  tokens and cost")
            person.console.type(ENTER)
            await person.see("Model requests: 0. Cost: $0.00.")

    async def test_a_command_that_needs_more_is_not_run_yet(self) -> None:
        async with sitting() as person:
            person.console.type("/renam" + ENTER)
            await person.see("> /rename")
            person.console.type("fleet" + ENTER)
            await person.see("This session is called fleet now.")

    async def test_what_comes_from_the_history_opens_no_menu(self) -> None:
        async with sitting() as person:
            await person.submit("/usage")
            await person.see("Model requests")
            person.console.type(UP)
            await person.see("> /usage")
            person.console.type(UP)
            await person.office_is_idle()
            assert "tokens and cost" not in "\n".join(person.console.lines)


class TestHistory:
    async def test_what_was_typed_comes_back_in_another_chat(self) -> None:
        async with sitting() as person:
            await person.submit("first words")
            await person.see("You said: first words")
            await person.leave()
            office = person.office
        async with sitting(office=office) as person:
            person.console.type(UP)
            await person.see("> first words")
            assert office.history.texts == ["first words"]

    async def test_control_c_ends_a_search_with_the_draft_as_it_was(self) -> None:
        async with sitting() as person:
            await person.submit("plan the database")
            await person.see("You said: plan the database")
            person.console.type("half a draft")
            person.console.type("\x12")
            person.console.type("data")
            await person.see("search: data", "> plan the database")
            person.console.type(CTRL_C)
            await person.console.wait_until(lambda: "> half a draft" in person.console.lines, "for the draft")
            assert "search:" not in "\n".join(person.console.lines)
            assert "Ctrl-C again leaves" not in person.console.text
            person.console.type(CTRL_C)
            await person.see("Ctrl-C again leaves")

    async def test_a_broken_history_stops_nobody(self) -> None:
        office = office_with(answer_plainly)
        office.history.error = StorageUnavailableError("It is broken.", remedy="Mend it.")
        async with sitting(office=office) as person:
            await person.see("It is broken. Mend it.")
            await person.submit("hello")
            await person.see("You said: hello")


class TestStatus:
    async def test_context_and_cost_are_shown_and_add_up(self) -> None:
        async def costly(turn: ScriptedTurn) -> None:
            turn.put(UsageReported(usage=Usage(input_tokens=200, output_tokens=50, cost_usd=0.5)))
            await turn.say("Done.")

        async with sitting(costly) as person:
            await person.see("15% context", "$0.00")
            await person.submit("go")
            await person.see("$0.5000")
            await person.submit("again")
            await person.see("$1.00")

    async def test_a_model_without_a_price_has_an_unknown_cost(self) -> None:
        async def free(turn: ScriptedTurn) -> None:
            turn.put(UsageReported(usage=Usage(input_tokens=200, output_tokens=50)))
            await turn.say("Done.")

        async with sitting(free) as person:
            await person.submit("go")
            await person.see("cost unknown")

    async def test_a_summary_says_how_long_it_takes(self) -> None:
        async with sitting() as person:
            await person.submit("/compact the network")
            await person.see("summarising the conversation 0 s")
            person.clock.advance(7)
            await person.see("summarising the conversation 7 s")
            person.office.chat.may_compact.set()
            await person.see("Made it shorter.", "ready")
            assert person.office.chat.foci == ["the network"]

    @pytest.mark.parametrize("key", ["\x1b", "\x03"])
    async def test_a_command_that_takes_long_can_be_cancelled(self, key: str) -> None:
        async with sitting() as person:
            await person.submit("/compact")
            await person.see("summarising the conversation 0 s, Esc cancels")
            await person.submit("later")
            await person.see("next: later")
            person.console.type(key)
            await person.see("Cancelled.", "You said: later")
            person.clock.advance(3)
            await person.submit("/compact")
            await person.see("summarising")
            assert await person.leave() == 0

    async def test_a_model_that_is_still_loading_is_named(self) -> None:
        office, loaded = office_with(talk_for_ever), asyncio.Event()

        async def load() -> None:
            await loaded.wait()

        office._prepare_model = load  # type: ignore[method-assign]
        async with sitting(office=office) as person:
            await person.submit("go")
            await person.see("loading the model")
            loaded.set()
            await person.see("answering")


class TestOutputs:
    async def test_control_o_goes_back_from_the_newest_output(self) -> None:
        async def two(turn: ScriptedTurn) -> None:
            for number in (1, 2):
                await turn.call(listing(number))
            await turn.say("Both.")

        async with sitting(two, rows=40) as person:
            await person.submit("go")
            await person.see("… +8 lines (ctrl-o to expand)", "Both.")
            assert "line 9 of 2" not in person.console.text
            person.console.type(CTRL_O)
            await person.see("line 9 of 2")
            person.console.type(CTRL_O)
            await person.see("line 9 of 1")
            person.console.type(CTRL_O)
            await person.see("that was the first output")

    async def test_without_an_output_it_says_so(self) -> None:
        async with sitting() as person:
            person.console.type(CTRL_O)
            await person.see("no tool has printed anything")


class TestPicker:
    async def filled(self, person: Sitting) -> None:
        for name in ("alpha", "beta"):
            await person.submit(f"words of {name}")
            await person.see(f"You said: words of {name}")
            await person.submit(f"/new {'beta' if name == 'alpha' else 'gamma'}")
            await person.see(f"session {'beta' if name == 'alpha' else 'gamma'} (new)")

    async def test_sessions_are_filtered_looked_into_and_gone_on_with(self) -> None:
        async with sitting(answer_plainly, "--session", "alpha", columns=120) as person:
            await self.filled(person)
            person.console.type(CTRL_L)
            await person.see("Sessions (3 of 3)", "2 messages", "fake-model", "Enter goes on")
            person.console.type("alp")
            await person.see("Sessions (1 of 3)", "  You said: words of alpha")
            person.console.type(ENTER)
            await person.see("session alpha (resumed, 2 messages)")
            assert person.console.text.count("You said: words of alpha") >= 2
            await person.submit("go on")
            await person.see("You said: go on")

    async def test_a_row_has_everything_on_a_common_terminal(self) -> None:
        async def costly(turn: ScriptedTurn) -> None:
            turn.put(UsageReported(usage=Usage(input_tokens=200, output_tokens=50, cost_usd=0.5)))
            await turn.say("Done.")

        async with sitting(costly, "--session", "alpha", columns=80) as person:
            await person.submit("first line")
            await person.see("Done.", "ready")
            person.console.type(CTRL_L)
            await person.see("> alpha  just now  2 messages  $0.5000  fake-model  first line")

    async def test_the_list_renames_and_deletes_after_asking(self) -> None:
        async with sitting(answer_plainly, "--session", "alpha", columns=120) as person:
            await self.filled(person)
            await person.submit("/sessions")
            await person.see("Sessions (3 of 3)")
            person.console.type("beta")
            await person.see("Sessions (1 of 3)")
            person.console.type(CTRL_R)
            await person.see("new name: beta")
            person.console.type("-two" + ENTER)
            await person.see("Renamed to beta-two.")
            person.console.type("beta-two")
            await person.see("Sessions (1 of 3)")
            person.console.type(CTRL_X)
            await person.see("delete beta-two? y/n")
            person.console.type("n")
            await person.see("Sessions (3 of 3)")
            person.console.type("beta-two" + CTRL_X + "y")
            await person.see("Deleted beta-two.", "Sessions (2 of 2)")

    async def test_cleaning_says_what_would_go_first(self) -> None:
        async with sitting(answer_plainly, "--session", "alpha", columns=120) as person:
            await self.filled(person)
            person.console.type(CTRL_L)
            await person.see("Sessions (3 of 3)")
            person.console.type(CTRL_T)
            await person.see("delete those that did not change for")
            person.console.type("soon" + ENTER)
            await person.see("is no age")
            person.console.type("\x1530d" + ENTER)
            await person.see("Delete 2 sessions:", "y/n")
            person.console.type("y")
            await person.see("Deleted 2 sessions.", "Sessions (1 of 1)")

    async def test_the_session_one_is_in_is_not_deleted(self) -> None:
        async with sitting(answer_plainly, "--session", "alpha", columns=120) as person:
            await person.submit("hello")
            await person.see("You said: hello")
            person.console.type(CTRL_L)
            await person.see("Sessions (1 of 1)")
            person.console.type(CTRL_X)
            await person.see("You are in this session")

    @pytest.mark.parametrize("key", [ESCAPE, CTRL_C, CTRL_L])
    async def test_an_empty_list_says_how_to_start_and_closes(self, key: str) -> None:
        async with sitting(columns=120) as person:
            person.console.type("a draft")
            person.console.type(CTRL_L)
            await person.see("There are no other sessions. /new NAME starts one")
            person.console.type(key)
            await person.console.wait_until(lambda: "filter:" not in "\n".join(person.console.lines))
            await person.see("> a draft")

    async def test_another_session_has_to_wait_for_the_turn(self) -> None:
        async with sitting(talk_for_ever, "--session", "alpha", columns=120) as person:
            await person.submit("/new beta")
            await person.see("session beta (new)")
            await person.submit("go")
            await person.see("Second")
            person.console.type(CTRL_L)
            await person.see("Sessions (2 of 2)")
            person.console.type("alpha" + ENTER)
            await person.see("turn")
            person.console.type(ESCAPE)
            person.console.type(ESCAPE)
            await person.see("Cancelled.")


class TestQuestions:
    async def test_a_difference_is_coloured_and_a_long_input_can_be_seen_whole(self) -> None:
        body = "\n".join(f"body {number} {'x' * 40}" for number in range(90))

        async def write(turn: ScriptedTurn) -> None:
            await turn.call(WRITE, path="a.yaml", content=body)

        async with sitting(write, rows=60) as person:
            await person.submit("go")
            await person.see("lines are not shown here", f"See all of it: {len(body) + 22} characters")
            assert "body 55" not in person.console.text
            await person.answer("v")
            await person.see("body 55", "path: a.yaml")
            await person.answer("y")
            await person.see("✓ write a.yaml")


class TestCommands:
    async def test_a_session_is_exported_to_a_file(self, tmp_path: Path) -> None:
        async with sitting(answer_plainly, "--session", "s") as person:
            path = tmp_path / "s.yaml"
            await person.submit(f"/export {path}")
            await person.console.wait_until(path.exists)
            await person.see("as yaml.")
            assert path.read_text() == "s as yaml"
            assert path.stat().st_mode & 0o777 == 0o600
            await person.submit(f"/export {path}")
            await person.see("exists already")
            await person.submit("/export s.txt")
            await person.see("is no .md, .json or .yaml file")

    async def test_a_model_is_remembered_by_its_session(self) -> None:
        async with sitting(answer_plainly, "--session", "s") as person:
            await person.submit("/model other-model")
            await person.see("The next turn asks other-model.")
            await person.leave()
            office = person.office
        async with sitting(answer_plainly, "--session", "s", office=office) as person:
            await person.see("other-model")

    async def test_doctor_says_what_is_in_place(self) -> None:
        office = office_with(answer_plainly)
        found = Finding(health=Health.FAILED, detail="There is none.", remedy="Install it.")
        office.findings = [CheckedFinding(check="atmos", finding=found)]
        async with sitting(office=office) as person:
            await person.submit("/doctor")
            await person.see("✗ atmos  There is none.", "Install it.")


async def _print(values: Any, _execution: Any) -> Result:
    return Result(success=True, output="")


WRITE = Tool(
    name="file_write",
    description="Writes a file.",
    parameters=(
        Parameter(name="path", type="string", description="", required=True),
        Parameter(name="content", type="string", description="", required=True),
    ),
    effect=Effect.WRITE,
    execute=_print,
    requires_permission=True,
    title="write {path}",
)


def listing(number: int) -> Tool:
    """A tool that prints ten lines."""

    async def run(values: Any, _execution: Any) -> Result:
        return Result(success=True, output="\n".join(f"line {line} of {number}" for line in range(10)))

    return Tool(
        name=f"list_{number}",
        description="",
        parameters=(),
        effect=Effect.READ,
        execute=run,
        requires_permission=False,
        title=f"list {number}",
    )
