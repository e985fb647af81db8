"""`ask` and `exec` for programs: schemas, files, events, and one object whatever happens."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.domain.attachments import Attachment, Attachments
from atmos_ai_sidecar.domain.events import ModelRetrying, Notice, NoticeKind, StopReason, TurnFinished, UsageReported
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.errors import ModelUnavailableError
from atmos_ai_sidecar.terminal.json_text import json_text
from atmos_ai_sidecar.terminal.output_file import OutputFile
from tests.fakes.chat import Script, ScriptedTurn
from tests.fakes.console import FakeConsole
from tests.terminal.office import DESCRIBE, PLAN, Office, piped

SCHEMA = {"type": "object", "required": ["cidr"], "properties": {"cidr": {"type": "string"}}}
GOOD = '{"cidr": "10.20.0.0/16"}'


def answers(*texts: str, usage: Usage | None = None, steps: int = 1) -> Script:
    """A model that says one text a turn."""
    waiting = list(texts)

    async def say(turn: ScriptedTurn) -> None:
        await turn.say(waiting.pop(0))
        turn.finished = TurnFinished(stop_reason=StopReason.END_TURN, usage=usage or Usage(), steps=steps)

    return say


async def plan_and_say(turn: ScriptedTurn) -> None:
    await turn.call(PLAN, component="database", stack="ue1-prod")
    await turn.say("no JSON")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    return tmp_path


async def run_json(office: Office, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    console = piped(directory=str(folder))
    code = await office.run(console, "exec", "do it", "--format", "json", *more)
    return code, json.loads(console.out)


class TestOutputSchema:
    async def test_the_value_stands_beside_the_response(self, folder: Path) -> None:
        office = Office(answers(f"```json\n{GOOD}\n```"))
        code, told = await run_json(office, folder, "--output-schema", "schema.json")
        assert (code, told["output"], told["error"]) == (0, json.loads(GOOD), None)
        assert told["response"] == f"```json\n{GOOD}\n```"
        assert office.chat.turns[0].text.startswith("do it\n\nAnswer with one JSON value")

    async def test_as_text_the_value_alone_is_printed(self, folder: Path) -> None:
        for command in ("ask", "exec"):
            console = piped(directory=str(folder))
            console.end_input()
            arguments = (command, "do it", "--output-schema", "schema.json")
            assert await Office(answers(f"Here:\n```\n{GOOD}\n```")).run(console, *arguments) == 0
            assert (json.loads(console.out), console.err) == (json.loads(GOOD), "")

    async def test_only_what_was_said_last_has_to_be_json(self, folder: Path) -> None:
        async def look(turn: ScriptedTurn) -> None:
            await turn.say("Let me look.")
            await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
            await turn.say(GOOD)

        code, told = await run_json(Office(look), folder, "--output-schema", "schema.json")
        assert (code, told["output"]) == (0, json.loads(GOOD))

    async def test_an_answer_that_does_not_fit_is_corrected_once(self, folder: Path) -> None:
        usage = Usage(input_tokens=10, output_tokens=1, cost_usd=0.25)
        office = Office(answers('{"cidr": 1}', GOOD, usage=usage, steps=2))
        options = ("--output-schema", "schema.json", "--max-steps", "5", "--max-cost-usd", "1")
        code, told = await run_json(office, folder, *options)
        assert (code, told["output"], told["response"]) == (0, json.loads(GOOD), GOOD)
        assert told["tokens"]["prompt"] == 20
        assert told["metadata"]["cost_usd"] == 0.5
        assert told["notices"][0]["kind"] == "output_rejected"
        second = office.chat.turns[1]
        assert "$.cidr: 1 is not of type 'string'" in second.text
        assert (second.arguments["max_steps"], second.arguments["max_cost_usd"]) == (3, 0.75)

    async def test_after_the_second_time_it_is_an_error_with_the_reason(self, folder: Path) -> None:
        office = Office(answers("no", "never"))
        code, told = await run_json(office, folder, "--output-schema", "schema.json")
        assert (code, told["output"], told["error"]["type"]) == (1, None, "OUTPUT_INVALID")
        assert "no JSON" in told["error"]["message"]
        assert len(office.chat.turns) == 2
        console = piped(directory=str(folder))
        assert await Office(answers("no", "never")).run(console, "exec", "x", "--output-schema", "schema.json") == 1
        assert console.out == ""
        assert "Error: The answer is no JSON" in console.err

    async def test_nothing_is_asked_again_without_a_budget(self, folder: Path) -> None:
        office = Office(answers("no"))
        code, told = await run_json(office, folder, "--output-schema", "schema.json", "--max-steps", "1")
        assert (code, told["error"]["type"], len(office.chat.turns)) == (1, "OUTPUT_INVALID", 1)

    async def test_a_turn_that_stopped_early_is_not_asked_again(self, folder: Path) -> None:
        async def stop(turn: ScriptedTurn) -> None:
            await turn.say("{")
            turn.finished = TurnFinished(stop_reason=StopReason.MAX_TOKENS)

        office = Office(stop)
        code, told = await run_json(office, folder, "--output-schema", "schema.json")
        assert (code, told["error"]["type"], len(office.chat.turns)) == (1, "MAX_TOKENS", 1)

    async def test_calls_that_need_approval_come_before_an_answer_that_does_not_fit(self, folder: Path) -> None:
        code, told = await run_json(Office(plan_and_say), folder, "--output-schema", "schema.json")
        assert (code, told["error"]["type"], told["output"]) == (3, "UNATTENDED", None)
        assert len(told["approvals_needed"]) == 2

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"{", "is no JSON"),
            (b'{"type": "nope"}', "no valid JSON Schema"),
            (b"\xff", "no UTF-8"),
            (b" " * 300_000, "larger"),
        ],
    )
    async def test_a_broken_schema_is_a_usage_error_before_anything_is_asked(
        self, folder: Path, content: bytes, problem: str
    ) -> None:
        (folder / "broken.json").write_bytes(content)
        office, console = Office(), piped(directory=str(folder))
        assert await office.run(console, "exec", "x", "-f", "json", "--output-schema", "broken.json") == 2
        assert problem in console.err
        assert (console.out, office.opened) == ("", [])

    async def test_a_missing_schema_is_a_usage_error(self, folder: Path) -> None:
        console = piped(directory=str(folder))
        assert await Office().run(console, "exec", "x", "--output-schema", "none.json") == 2
        assert "No such file" in console.err


class TestFiles:
    async def test_files_stand_before_the_prompt_and_remarks_on_stderr(self) -> None:
        office, console = Office(), piped()
        office.attachments = Attachments(
            files=(Attachment(path="a.yaml", text="a: 1\n"),), remarks=("Left out b.pem: it is secret.",)
        )
        assert await office.run(console, "exec", "do it", "--include", "*", "-f", "json") == 0
        assert "File a.yaml:\n```\na: 1\n```\n\ndo it" in office.chat.turns[0].text
        assert console.err == "Left out b.pem: it is secret.\n"
        assert json.loads(console.out)["notices"] == [{"kind": "context", "message": "Left out b.pem: it is secret."}]


class TestAllow:
    async def test_patterns_reach_the_run(self) -> None:
        office = Office()
        assert await office.run(piped(), "exec", "x", "--allow", "atmos_*", "--allow=atmos_terraform_plan") == 0
        assert office.opened[0][1].allow == ("atmos_*", "atmos_terraform_plan")

    @pytest.mark.parametrize("output_format", ["text", "json", "stream-json"])
    async def test_a_pattern_that_matches_no_tool_is_a_usage_error_with_the_nearest(self, output_format: str) -> None:
        office, console = Office(), piped()
        arguments = ("exec", "x", "-f", output_format, "--allow", "atmos_teraform_plan")
        assert await office.run(console, *arguments) == 2
        assert "'atmos_teraform_plan' matches no tool. Did you mean atmos_terraform_plan" in console.err
        assert (console.out, office.chat.turns) == ("", [])


class TestStream:
    async def lines(self, office: Office, *more: str, code: int = 0) -> list[dict[str, Any]]:
        console = piped()
        assert await office.run(console, "exec", "x", "-f", "stream-json", *more) == code
        assert console.out.isascii()
        return [json.loads(line) for line in console.out.splitlines()]

    async def test_first_comes_the_session_then_what_happens_and_last_the_object(self) -> None:
        async def work(turn: ScriptedTurn) -> None:
            await turn.say("Half")
            turn.put(ModelRetrying(attempt=1, delay_seconds=2, message="overloaded"))
            await turn.say("One\u2028line.")
            await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
            turn.put(Notice(kind=NoticeKind.BUDGET_WARNING, message="80%"))
            turn.put(UsageReported(usage=Usage(input_tokens=1)))
            await turn.call(PLAN, component="vpc", stack="ue1-prod")

        first, *events, last = await self.lines(Office(work), code=3)
        assert (first["type"], first["model"], first["tools_enabled"]) == ("session", "fake-model", True)
        assert [event["type"] for event in events] == [
            *("text", "retry", "text", "tool_call", "tool_result", "notice", "usage"),
            *("tool_call", "permission_requested", "permission_resolved", "tool_result"),
        ]
        assert events[2]["text"] == "One\u2028line."
        assert (events[3]["id"], events[3]["tool"]) == (events[4]["id"], "atmos_describe_component")
        assert events[4]["result"] == "cidr_block: 10.20.0.0/16"
        assert events[9]["outcome"] == "unattended"
        assert (last["type"], last["metadata"]["session_id"]) == ("result", first["session_id"])
        assert [call["tool"] for call in last["tool_calls"]] == [DESCRIBE.name, PLAN.name]
        assert last["error"]["type"] == "UNATTENDED"

    async def test_what_could_not_start_is_the_object_alone(self) -> None:
        office = Office()
        office.is_trusted = False
        (last,) = await self.lines(office, code=5)
        assert last["error"]["type"] == "PROJECT_UNTRUSTED"

    async def test_it_can_be_written_to_a_file(self, tmp_path: Path) -> None:
        console = piped(directory=str(tmp_path))
        assert await Office().run(console, "exec", "x", "-f", "stream-json", "-o", "events.jsonl") == 0
        kinds = [json.loads(line)["type"] for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        assert (console.out, kinds) == ("", ["session", "text", "result"])


class TestOneObject:
    @pytest.mark.parametrize("output_format", ["json", "stream-json"])
    async def test_when_we_broke(self, output_format: str, caplog: pytest.LogCaptureFixture) -> None:
        async def break_down(turn: ScriptedTurn) -> None:
            raise AssertionError

        office, console = Office(), piped()
        office.chat.start_turn = break_down  # type: ignore[assignment, method-assign]
        assert await office.run(console, "exec", "x", "-f", output_format) == 1
        told = json.loads(console.out.splitlines()[-1] if output_format == "stream-json" else console.out)
        assert (told["success"], told["error"]["type"]) == (False, "INTERNAL_ERROR")
        assert "went wrong" in console.err
        assert "Traceback" not in console.err
        assert caplog.text

    @pytest.mark.parametrize(("signal", "code"), [("INT", 130), ("TERM", 143), ("HUP", 129)])
    async def test_when_a_signal_comes_before_the_turn(self, signal: str, code: int) -> None:
        office, console = Office(), piped()
        running = asyncio.create_task(office.run(console, "exec", "-f", "json"))  # waits for its input
        await console.wait_until(lambda: console.listens_for_signals)
        console.signal(signal)
        assert await running == code
        told = json.loads(console.out)
        assert told["error"] == {"message": f"The command was ended by SIG{signal}.", "type": "CANCELLED"}

    async def test_when_a_signal_comes_in_the_turn_with_what_was_said(self) -> None:
        console, has_said = piped(), asyncio.Event()

        async def talk(turn: ScriptedTurn) -> None:
            await turn.say("So far.")
            has_said.set()
            await asyncio.Event().wait()

        office = Office(talk)
        running = asyncio.create_task(office.run(console, "exec", "x", "-f", "json"))
        async with asyncio.timeout(5):
            await has_said.wait()
        console.signal("TERM")
        assert await running == 143
        told = json.loads(console.out)
        assert (told["response"], told["error"]["type"]) == ("So far.", "CANCELLED")
        assert told["metadata"]["exit_code"] == 143

    async def test_when_the_process_dies_the_callers_side_has_it(self) -> None:
        console = piped()
        assert await Office().run(console, "exec", "x", "-f", "json", "-s", "mine") == 0
        *left, taken_back = console.farewells
        told = json.loads(left[-1])
        assert (told["error"]["type"], told["metadata"]["exit_code"]) == ("SIDECAR_LOST", 70)
        assert told["metadata"]["session"] == "mine"
        assert taken_back == b""

    async def test_when_the_turn_cannot_start(self, tmp_path: Path) -> None:
        office = Office()
        office.chat.error = ModelUnavailableError("Nobody is there.")
        code, told = await run_json(office, tmp_path)
        assert (code, told["error"]["type"]) == (1, "MODEL_UNAVAILABLE")
        assert told["metadata"]["session_id"]

    async def test_values_that_json_has_not(self) -> None:
        text = json_text(
            {
                "a": [float("nan"), float("inf"), 1.5],
                "b": {
                    1,
                },
                "c": "\ud800\u009b",
            }
        )
        assert json.loads(text) == {"a": [None, None, 1.5], "b": "{1}", "c": "\ud800\u009b"}
        assert text.isascii()


class TestOutput:
    async def test_a_file_that_cannot_be_written_is_told_before_the_model_is_asked(self, tmp_path: Path) -> None:
        for name, problem in ((".", "it is a folder"), ("none/a.json", "there is no folder")):
            office, console = Office(), piped(directory=str(tmp_path))
            assert await office.run(console, "exec", "x", "-f", "json", "-o", name) == 1
            assert problem in json.loads(console.out)["error"]["message"]
            assert office.chat.turns == []
            plain = piped(directory=str(tmp_path))
            assert await Office().run(plain, "exec", "x", "-o", name) == 1
            assert problem in plain.err

    async def test_what_was_paid_for_is_printed_when_the_file_is_lost_meanwhile(self, tmp_path: Path) -> None:
        async def remove(turn: ScriptedTurn) -> None:
            await turn.say("An answer.")
            (tmp_path / "folder").rmdir()

        (tmp_path / "folder").mkdir()
        console = piped(directory=str(tmp_path))
        assert await Office(remove).run(console, "exec", "x", "-o", "folder/a.md") == 1
        assert console.out == "An answer.\n"
        assert "there is no folder" in console.err

    def test_a_file_is_replaced_at_once_and_keeps_its_mode_and_its_links(self, tmp_path: Path) -> None:
        target, link = tmp_path / "a.json", tmp_path / "link.json"
        target.write_text("old")
        target.chmod(0o640)
        link.symlink_to(target)
        before = target.stat().st_ino
        OutputFile(path=link, umask=0o022).write("new")
        assert link.is_symlink()
        assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
        assert target.stat().st_ino != before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "link.json"]

    def test_a_device_is_written_into(self) -> None:
        OutputFile(path=Path(os.devnull), umask=0o022).write("x")
        assert not Path(os.devnull).is_file()


class TestProgress:
    async def test_exec_shows_its_calls_on_a_terminal_and_nowhere_else(self) -> None:
        async def look(turn: ScriptedTurn) -> None:
            await turn.call(DESCRIBE, component="vpc", stack="ue1-prod")
            await turn.say("Done.")

        console = FakeConsole(stdout_is_terminal=False)
        assert await Office(look).run(console, "exec", "x") == 0
        assert console.out == "Done.\n"
        assert "describe vpc in ue1-prod" in console.err
        quiet = piped()
        assert await Office(look).run(quiet, "exec", "x") == 0
        assert quiet.err == ""

    async def test_ask_takes_the_formats_of_exec(self) -> None:
        console = piped()
        console.end_input()
        assert await Office().run(console, "ask", "x", "--format", "json") == 0
        assert json.loads(console.out)["response"] == "You said: x"
