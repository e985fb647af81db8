import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.domain.events import ModelRetrying, Notice, NoticeKind, StopReason, TurnFinished
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.errors import ConfigurationInvalidError, InvalidFieldError
from atmos_ai_sidecar.terminal.chat.settings import resume_token
from atmos_ai_sidecar.terminal.main import resume_command
from tests.fakes.chat import ScriptedTurn
from tests.fakes.console import FakeConsole
from tests.fakes.grants import fake_grants
from tests.terminal.office import BLOCKED, BROKEN, DESCRIBE, PLAN, Office, piped


async def describe_vpc(turn: ScriptedTurn) -> None:
    await turn.say("Let me look.")
    result = await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
    await turn.say(f"It is **{result.output}**.")
    turn.finished = TurnFinished(
        stop_reason=StopReason.END_TURN,
        usage=Usage(input_tokens=10, output_tokens=5, cache_read_input_tokens=3, cache_creation_input_tokens=2),
    )


async def plan_database(turn: ScriptedTurn) -> None:
    result = await turn.call(PLAN, component="database", stack="ue1-prod")
    await turn.say("Planned." if result.success else "It was not allowed.")


class TestAsk:
    async def test_the_answer_is_plain_markdown_in_a_pipe(self) -> None:
        console = piped()
        console.end_input()
        assert await Office(describe_vpc).run(console, "ask", "what", "is", "it") == 0
        assert console.out == "Let me look.\n\nIt is **cidr_block: 10.20.0.0/16**.\n"
        assert console.err == ""

    async def test_the_answer_is_set_on_a_terminal_and_progress_is_told(self) -> None:
        console = FakeConsole()
        assert await Office(describe_vpc).run(console, "ask", "what is it") == 0
        assert "\x1b[1mcidr_block: 10.20.0.0/16\x1b[0m" in console.out
        assert "✓" in console.err
        assert "describe vpc in ue1-prod" in console.err

    async def test_what_is_piped_in_is_added_to_the_question(self) -> None:
        console, office = piped(), Office()
        console.type("the plan\nof today\n")
        console.end_input()
        assert await office.run(console, "ask", "Is this safe?") == 0
        assert office.chat.turns[0].text == "Is this safe?\n\nthe plan\nof today"

    async def test_without_a_question_it_is_a_usage_error(self) -> None:
        console = FakeConsole()
        assert await Office().run(console, "ask") == 2
        assert "There is no question" in console.err

    async def test_text_that_a_retry_made_void_is_not_in_a_pipe(self) -> None:
        async def retry(turn: ScriptedTurn) -> None:
            await turn.say("Half an ans")
            turn.put(ModelRetrying(attempt=1, delay_seconds=1, message="The model is overloaded."))
            await turn.say("A whole answer.")

        console = piped()
        console.end_input()
        assert await Office(retry).run(console, "ask", "x") == 0
        assert console.out == "A whole answer.\n"

    async def test_questions_are_asked_on_the_controlling_terminal_while_the_turn_runs(self) -> None:
        console, office = FakeConsole(), Office()
        assert await office.run(console, "ask", "x") == 0
        assert console.prompter == [True, False]
        assert office.chat.turns[0].arguments["attendance"] is Attendance.EXPECTED

    async def test_calls_that_need_approval_are_listed_when_nobody_is_there(self) -> None:
        console, office = piped(), Office(plan_database)
        console.end_input()
        assert await office.run(console, "ask", "plan it") == 3
        assert console.out == "It was not allowed.\n"
        assert "plan database in ue1-prod" in console.err
        assert console.prompter == []

    async def test_an_interrupt_cancels_the_turn_and_keeps_what_was_said(self) -> None:
        console = piped()

        async def talk(turn: ScriptedTurn) -> None:
            await turn.say("So far.\n\n")
            await console.wait_until(lambda: console.listens_for_signals, "for a listener")
            console.signal("INT")
            await asyncio.Event().wait()

        console.end_input()
        assert await Office(talk).run(console, "ask", "x") == 130
        assert console.out == "So far.\n"
        assert "Cancelled" in console.err


class TestExec:
    async def run_json(self, office: Office, console: FakeConsole, *more: str) -> tuple[int, dict[str, Any]]:
        code = await office.run(console, "exec", "do it", "--format", "json", *more)
        return code, json.loads(console.out)

    async def test_json_has_the_answer_calls_tokens_and_metadata(self) -> None:
        code, answer = await self.run_json(Office(describe_vpc), piped(), "-s", "nightly")
        assert code == 0
        assert answer["success"] is True
        assert answer["response"] == "Let me look.\n\nIt is **cidr_block: 10.20.0.0/16**."
        assert answer["tool_calls"] == [
            {
                "tool": "atmos_describe_component",
                "args": {"component": "vpc", "stack": "ue1-prod"},
                "duration_ms": 260,
                "success": True,
                "result": "cidr_block: 10.20.0.0/16",
                "error": "",
            }
        ]
        assert answer["tokens"] == {
            "prompt": 15,
            "completion": 5,
            "total": 20,
            "cached": 3,
            "cache_creation": 2,
            "cache_misses": 0,
        }
        metadata = answer["metadata"]
        assert metadata.pop("session_id").startswith("session-id-")
        assert metadata.pop("duration_ms") >= 0
        assert metadata == {
            "model": "fake-model",
            "provider": "anthropic",
            "timestamp": "2026-01-02T03:04:05+00:00",
            "tools_enabled": True,
            "stop_reason": "end_turn",
            "exit_code": 0,
            "session": "nightly",
            "cost_usd": None,
        }
        assert answer["error"] is None
        assert answer["approvals_needed"] == []

    async def test_json_lists_calls_that_need_approval(self) -> None:
        code, answer = await self.run_json(Office(plan_database), piped())
        assert code == 3
        assert answer["success"] is False
        assert answer["error"]["type"] == "UNATTENDED"
        assert answer["approvals_needed"] == [
            {
                "tool": "atmos_terraform_plan",
                "args": {"component": "database", "stack": "ue1-prod"},
                "rule": "tools that need permission ask",
            }
        ]

    async def test_json_is_one_object_also_when_nothing_could_start(self) -> None:
        office = Office()
        office.error = ConfigurationInvalidError("wrong", file="atmos.yaml", line=3)
        code, answer = await self.run_json(office, piped())
        assert code == 1
        assert answer["error"] == {"message": "atmos.yaml:3: wrong", "type": "CONFIGURATION_INVALID"}

    async def test_json_is_one_object_also_when_the_project_is_not_trusted(self) -> None:
        office = Office()
        office.is_trusted = False
        code, answer = await self.run_json(office, piped())
        assert (code, answer["error"]["type"]) == (5, "PROJECT_UNTRUSTED")

    async def test_a_turn_that_fails_is_told_with_its_reason(self) -> None:
        async def fail(turn: ScriptedTurn) -> None:
            await turn.say("Part.")
            turn.fail("MODEL_UNAVAILABLE", "The model is overloaded. Try again.")

        code, answer = await self.run_json(Office(fail), piped())
        assert code == 1
        assert answer["response"] == "Part."
        assert answer["error"] == {"message": "The model is overloaded. Try again.", "type": "MODEL_UNAVAILABLE"}

    @pytest.mark.parametrize(
        ("stop_reason", "code", "reason"),
        [
            (StopReason.MAX_STEPS, 4, "BUDGET_EXHAUSTED"),
            (StopReason.BUDGET, 4, "BUDGET_EXHAUSTED"),
            (StopReason.MAX_TOKENS, 1, "MAX_TOKENS"),
            (StopReason.REFUSAL, 1, "REFUSAL"),
            (StopReason.LOOP, 1, "LOOP"),
        ],
    )
    async def test_a_turn_that_stops_early_has_its_exit_code(
        self, stop_reason: StopReason, code: int, reason: str
    ) -> None:
        async def stop(turn: ScriptedTurn) -> None:
            turn.finished = TurnFinished(stop_reason=stop_reason, steps=3)

        found, answer = await self.run_json(Office(stop), piped())
        assert (found, answer["error"]["type"]) == (code, reason)

    async def test_a_call_that_policy_denied_ends_with_its_own_code(self) -> None:
        async def call(turn: ScriptedTurn) -> None:
            await turn.call(BLOCKED)
            await turn.say("That is not allowed here.")

        code, answer = await self.run_json(Office(call), piped())
        assert (code, answer["error"]["type"]) == (5, "TOOL_EXECUTION_DENIED")
        assert answer["response"] == "That is not allowed here."

    async def test_a_tool_that_fails_is_a_result_and_no_error(self) -> None:
        async def call(turn: ScriptedTurn) -> None:
            await turn.call(BROKEN)

        code, answer = await self.run_json(Office(call), piped())
        assert (code, answer["tool_calls"][0]["success"]) == (0, False)

    async def test_notices_are_told_on_stderr_and_in_the_json(self) -> None:
        async def warn(turn: ScriptedTurn) -> None:
            turn.put(Notice(kind=NoticeKind.BUDGET_WARNING, message="80% of a budget are used."))
            await turn.say("Done.")

        console = piped()
        assert await Office(warn).run(console, "exec", "do it") == 0
        assert (console.out, console.err) == ("Done.\n", "80% of a budget are used.\n")
        _, answer = await self.run_json(Office(warn), piped())
        assert answer["notices"] == [{"kind": "budget_warning", "message": "80% of a budget are used."}]

    async def test_the_prompt_is_read_from_a_pipe_and_options_reach_the_turn(self) -> None:
        console, office = piped(), Office()
        console.type("from a pipe\n")
        console.end_input()
        options = ("--no-tools", "--max-steps", "3", "--max-cost-usd", "0.5", "--model", "m")
        assert await office.run(console, "exec", *options) == 0
        arguments = office.chat.turns[0].arguments
        assert arguments["text"] == "from a pipe"
        assert (arguments["with_tools"], arguments["max_steps"], arguments["model"]) == (False, 3, "m")
        assert arguments["max_cost_usd"] == 0.5
        assert console.out == "You said: from a pipe\n"

    async def test_a_prompt_leaves_the_input_to_others(self) -> None:
        console, office = piped(), Office()
        console.type("for the next command")
        assert await office.run(console, "exec", "a prompt") == 0
        assert office.chat.turns[0].text == "a prompt"
        assert await console.read() == b"for the next command"

    async def test_the_output_goes_to_a_file_with_the_callers_rights(self, tmp_path: Path) -> None:
        console = piped(directory=str(tmp_path))
        assert await Office().run(console, "exec", "x", "-o", "answer.md") == 0
        assert console.out == ""
        assert (tmp_path / "answer.md").read_text() == "You said: x\n"
        assert (tmp_path / "answer.md").stat().st_mode & 0o777 == 0o644

    async def test_markdown_is_set_on_a_terminal(self) -> None:
        console = FakeConsole()
        assert await Office(describe_vpc).run(console, "exec", "x", "-f", "markdown") == 0
        assert "\x1b[1mcidr_block: 10.20.0.0/16\x1b[0m" in console.out

    async def test_variables_of_atmos_choose_format_and_session(self) -> None:
        console = piped(environment={"ATMOS_AI_FORMAT": "json", "ATMOS_AI_SESSION": "s"})
        office = Office()
        assert await office.run(console, "exec", "x") == 0
        assert json.loads(console.out)["success"]
        assert (await office.sessions.get_by_name("s")).message_count == 2


class TestSessions:
    async def test_an_empty_list_says_how_to_start(self) -> None:
        console = FakeConsole()
        assert await Office().run(console, "sessions") == 0
        assert "atmos-ai chat --session NAME" in console.err

    async def test_sessions_are_listed_newest_first_in_every_format(self) -> None:
        office = Office()
        await office.sessions.create(name="old")
        office.clock.advance(7200)
        await office.sessions.create(name='ne"w')
        table, as_json, as_yaml, as_csv = (FakeConsole(environment={"TERM": "dumb"}) for _ in range(4))
        assert await office.run(table, "sessions", "list") == 0
        assert [line.split()[0] for line in table.out.splitlines()] == ["NAME", 'ne"w', "old"]
        assert "2 hours ago" in table.out
        await office.run(as_json, "sessions", "list", "--format", "json")
        assert [row["name"] for row in json.loads(as_json.out)] == ['ne"w', "old"]
        await office.run(as_yaml, "sessions", "list", "-f", "yaml")
        assert '  name: "ne\\"w"' in as_yaml.out
        await office.run(as_csv, "sessions", "list", "-f", "csv")
        assert as_csv.out.splitlines()[1].split(",")[1] == '"ne""w"'

    async def test_only_the_newest_are_listed_unless_all_are_wanted(self) -> None:
        office = Office()
        for number in range(12):
            await office.sessions.create(name=f"s{number}")
        some, everything = FakeConsole(), FakeConsole()
        await office.run(some, "sessions", "list")
        await office.run(everything, "sessions", "list", "--all")
        assert (some.out.count("\n"), everything.out.count("\n")) == (11, 13)
        assert "--all" in some.err

    async def test_a_session_is_deleted_by_name(self) -> None:
        office, console = Office(), FakeConsole()
        await office.sessions.create(name="gone")
        assert await office.run(console, "sessions", "delete", "gone") == 0
        assert await office.run(console, "sessions", "delete", "gone") == 1
        assert "There is no session 'gone'" in console.err

    async def test_sessions_need_no_trust(self) -> None:
        office = Office()
        office.is_trusted = False
        assert await office.run(piped(), "sessions", "list") == 0


class TestTrust:
    async def test_a_person_is_asked_and_shown_what_the_project_sets(self) -> None:
        office, console = Office(), FakeConsole()
        office.is_trusted = False
        console.type("y\n")
        assert await office.run(console, "ask", "x") == 0
        assert "base_url: http://evil" in console.err

    @pytest.mark.parametrize("answer", ["n\n", "\n", "yes please\n"])
    async def test_anything_but_yes_is_no(self, answer: str) -> None:
        office, console = Office(), FakeConsole()
        office.is_trusted = False
        console.type(answer)
        assert await office.run(console, "ask", "x") == 5
        assert "not trusted" in console.err

    async def test_nobody_is_asked_without_a_terminal(self) -> None:
        office, console = Office(), piped()
        office.is_trusted = False
        assert await office.run(console, "exec", "x") == 5
        assert "--trust-project" in console.err


class TestTheRest:
    async def test_the_demo_asks_its_questions_without_a_terminal(self) -> None:
        console, office = piped(), Office()
        assert await office.run(console, "demo") == 0
        assert console.out.startswith("This is a demo.\n\n> Which stacks are there?\n\nYou said: Which stacks")
        run, options = office.opened[0]
        assert (run.directory, run.environment["ANTHROPIC_BASE_URL"]) == ("/demo", "http://127.0.0.1:1")
        assert options.trust_project

    async def test_the_version_is_printed(self) -> None:
        console = piped()
        assert await Office().run(console, "--version") == 0
        assert console.out.startswith("atmos-ai-sidecar 1.2.3 (Python 3.")

    async def test_the_foreground_sidecar_gets_its_role(self) -> None:
        office = Office()
        assert await office.run(piped(), "sidecar", "run", "--role", "client") == 0
        assert office.foreground_roles == ["client"]

    async def test_tools_are_listed_with_effect_and_question(self) -> None:
        console, as_json = piped(), piped()
        assert await Office().run(console, "tools", "list") == 0
        assert "atmos_terraform_plan      execute  yes   Plans a component." in console.out
        assert await Office().run(as_json, "tools", "list", "-f", "json") == 0
        assert len(json.loads(as_json.out)) == 3

    async def test_a_permission_is_explained(self) -> None:
        console = piped()
        code = await Office().run(
            console, "permissions", "explain", "atmos_terraform_plan", "component=vpc", "stack=ue1-prod"
        )
        assert code == 0
        assert console.out == (
            "ask: the tool runs programs, and no rule allows it\nrule: tools that need permission ask\n"
        )

    async def test_a_decision_is_explained_as_json_also_for_a_tool_that_is_switched_off(self) -> None:
        console, office = piped(), Office()
        office.permissions = Permissions(PermissionSettings(), fake_grants(), office.registry, switched_off=(BLOCKED,))
        assert await office.run(console, "permissions", "explain", BLOCKED.name, "--format", "json") == 0
        assert json.loads(console.out) == {
            "decision": "allow",
            "reason": "the tool needs no permission for this",
            "class": None,
            "rule": {"text": "execute_bash_command: needs no permission", "file": None, "line": None},
            "lost": [{"text": "tools that need permission ask", "file": None, "line": None}],
        }
        assert "execute_bash_command is switched off" in console.err

    async def test_decisions_about_many_inputs_are_one_a_line(self) -> None:
        console, as_text = piped(), piped()
        for each in (console, as_text):
            each.type('{"component": "vpc"}\n\n{"component": "database"}\n')
            each.end_input()
        arguments = ["permissions", "explain", PLAN.name, "stack=ue1-prod", "--input", "-"]
        assert await Office().run(console, *arguments, "-f", "json") == 0
        assert [json.loads(line)["decision"] for line in console.out.splitlines()] == ["ask", "ask"]
        assert await Office().run(as_text, *arguments) == 0
        assert as_text.out == "ask: the tool runs programs, and no rule allows it\n" * 2

    async def test_an_input_that_is_wrong_gets_an_error_in_its_line_and_the_others_their_decisions(self) -> None:
        console, as_text = piped(), piped()
        good = '{"component": "vpc", "stack": "ue1-prod"}'
        for each in (console, as_text):
            each.type("\n".join([good, "[]", "{", "[" * 100_000, '{"stack": 3}', good]) + "\n")
            each.end_input()
        arguments = ["permissions", "explain", PLAN.name, "--input", "-"]
        assert await Office().run(console, *arguments, "--format", "json") == 1
        first, *errors, last = map(json.loads, console.out.splitlines())
        assert first["decision"] == last["decision"] == "ask"
        assert [error["line"] for error in errors] == [2, 3, 4, 5]
        assert errors[0]["error"] == "Line 2 must be a JSON object."
        assert "component" in errors[-1]["error"]
        assert await Office().run(as_text, *arguments) == 1
        assert as_text.out.splitlines()[1] == "error: Line 2 must be a JSON object."
        assert len(as_text.out.splitlines()) == 6

    async def test_patterns_that_match_no_tool_are_told_when_something_is_explained(self) -> None:
        console, office = piped(), Office()
        entry = ListEntry(pattern="atmos_terraform_pla", file="atmos.yaml", line=7)
        settings = PermissionSettings(blocked=(entry, ListEntry(pattern="docs__*")))
        office.permissions = Permissions(settings, fake_grants(), office.registry, coming_tools=("docs__",))
        assert await office.run(console, "permissions", "explain", PLAN.name, "component=vpc", "stack=x") == 0
        assert "atmos.yaml:7: 'atmos_terraform_pla' is the name of no tool." in console.err
        assert "docs__" not in console.err

    @pytest.mark.parametrize(
        "arguments", [["--help"], ["chat", "-h"], ["sessions", "list", "--help"], ["permissions"], ["sidecar"]]
    )
    async def test_help_goes_to_standard_output(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        console = piped()
        assert await Office().run(console, *arguments) == 0
        assert "Usage: atmos-ai" in console.out
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["sesions"], "Did you mean 'sessions'?"),
            (["chat", "--nope"], "No such option"),
            (["exec", "x", "--format", "xml"], "'xml' is not one of"),
            (["exec", "x", "--max-steps=0"], "not in the range"),
            (["permissions", "explain", "t", "--input", "{"], "no JSON"),
        ],
    )
    async def test_a_wrong_command_line_is_one_clear_error(self, arguments: list[str], problem: str) -> None:
        console = piped()
        assert await Office().run(console, *arguments) == 2
        assert problem in console.err
        assert console.out == ""

    async def test_an_unknown_failure_shows_an_id_and_no_traceback(self, caplog: pytest.LogCaptureFixture) -> None:
        office, console = Office(), piped()
        office.chat.error = ZeroDivisionError("secret")
        assert await office.run(console, "exec", "x") == 1
        assert "Something went wrong" in console.err
        assert "secret" not in console.err
        assert "ZeroDivisionError" in caplog.text


def test_a_resume_token_gives_the_same_command_again() -> None:
    options = RunOptions(model="m", read_only=True, atmos_flags=("--profile=x",))
    arguments = resume_command(resume_token("my session", options))
    assert arguments == ("chat", "--session=my session", "--read-only", "--model=m", "--profile=x")


@pytest.mark.parametrize("token", ["", "[]", "{}", '{"command":"exec","session":"x"}', '{"command":"chat"}'])
def test_a_token_that_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidFieldError):
        resume_command(token)
