import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool
from tests.fakes.console import FakeConsole
from tests.terminal.office import BLOCKED, Office

LEFT = LeftCall(
    session_id="",
    call_id="call-9",
    text="atmos terraform apply vpc -s prod",
    start_time=datetime(2026, 1, 1, tzinfo=UTC),
    state=LeftState.RUNNING,
    pid=77,
    locks=("ID 4f1c",),
)


def piped(**more: Any) -> FakeConsole:
    values = {
        "stdin_is_terminal": False,
        "stdout_is_terminal": False,
        "stderr_is_terminal": False,
        "has_controlling_terminal": False,
        "environment": {"LANG": "C.UTF-8"},
        **more,
    }
    return FakeConsole(**values)


def typed_tool() -> Tool:
    async def execute(values: Mapping[str, Any], _execution: Execution) -> Result:
        return Result(success=True, output=json.dumps(values, sort_keys=True))

    def parameter(name: str, kind: Any) -> Parameter:
        return Parameter(name=name, type=kind, description=f"The {name}.")

    return Tool(
        name="typed",
        description="Takes everything.",
        parameters=(
            Parameter(name="text", type="string", description="The text.", required=True),
            parameter("count", "integer"),
            parameter("flag", "boolean"),
            parameter("items", "array"),
            parameter("more", "object"),
            Parameter(name="kind", type="string", description="Which.", enum=("a", "b"), default="a"),
        ),
        effect=Effect.READ,
        execute=execute,
        requires_permission=False,
    )


async def test_a_tool_is_shown_with_what_it_takes() -> None:
    office, console, as_json = Office(), piped(), piped()
    office.registry.register(typed_tool())
    assert await office.run(console, "tools", "show", "typed") == 0
    lines = console.out.splitlines()
    assert lines[:2] == ["typed", "Takes everything."]
    assert "effect:      read" in lines
    assert "asks:        no" in lines
    assert "time limit:  30 s" in lines
    assert any(line.split() == ["text", "string", "required", "The", "text."] for line in lines)
    assert any(line.split() == ["kind", "a", "|", "b", '"a"', "Which."] for line in lines)
    assert await office.run(as_json, "tools", "show", "typed", "-f", "json") == 0
    assert json.loads(as_json.out)["input_schema"]["required"] == ["text"]


async def test_an_unknown_tool_is_told_with_the_nearest() -> None:
    for verb in ("show", "run"):
        console = piped()
        assert await Office().run(console, "tools", verb, "atmos_validate_stack") == 1
        assert "Did you mean 'atmos_validate_stacks'?" in console.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("text=1", "count=2", "flag=true", "items=x,y", 'more={"a": 1}'),
        ("--input", '{"text": "1", "count": 2}', "flag=true", 'items=["x", "y"]', 'more={"a": 1}'),
    ],
)
async def test_named_values_have_the_types_of_the_tool_and_go_over_the_object(arguments: tuple[str, ...]) -> None:
    office, console = Office(), piped()
    office.registry.register(typed_tool())
    assert await office.run(console, "tools", "run", "typed", *arguments) == 0
    expected = {"text": "1", "count": 2, "flag": True, "items": ["x", "y"], "more": {"a": 1}}
    assert json.loads(console.out) == expected


async def test_the_input_can_be_piped_in_and_the_result_is_json() -> None:
    office, console = Office(), piped()
    office.registry.register(typed_tool())
    console.type('{"text": "hello"}\n')
    console.end_input()
    assert await office.run(console, "tools", "run", "typed", "--input", "-", "--format", "json") == 0
    result = json.loads(console.out)
    assert (result["success"], result["output"], result["reason"]) == (True, '{"text": "hello"}', "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("typed",), "text: is required and missing"),
        (("typed", "text=a", "count=many"), "count: must be an integer"),
        (("typed", "text=a", "tex=b"), "Did you mean 'text'?"),
        (("typed", "text"), "is no NAME=VALUE"),
        (("typed", "--input", "{"), "is no JSON"),
        (("typed", "--input", "[]"), "must be a JSON object"),
    ],
)
async def test_a_wrong_input_is_a_usage_error_that_names_it(arguments: tuple[str, ...], told: str) -> None:
    office, console = Office(), piped()
    office.registry.register(typed_tool())
    assert await office.run(console, "tools", "run", *arguments) == 2
    assert told.replace(": ", " ") in console.err.replace(": ", " ")
    assert console.out == ""


async def test_a_tool_that_fails_says_why_on_standard_error() -> None:
    console = piped()
    assert await Office().run(console, "tools", "run", "atmos_validate_stacks") == 1
    assert (console.out, console.err) == ("", "no such stack\n")


async def test_a_tool_that_asks_is_not_run_when_nobody_is_there() -> None:
    console = piped()
    code = await Office().run(console, "tools", "run", "atmos_terraform_plan", "component=vpc", "stack=ue1-prod")
    assert code == 3
    assert "nobody is there to give it" in console.err
    assert console.prompter == [False, False]


async def test_a_denied_tool_has_an_exit_code_of_its_own() -> None:
    office, console = Office(), piped()
    office.registry.register(BLOCKED)
    assert await office.run(console, "tools", "run", BLOCKED.name) == 5


@pytest.mark.parametrize(("answer", "code"), [(Answer.ALLOW_ONCE, 0), (Answer.REJECT_ONCE, 5)])
async def test_a_person_is_asked_on_the_terminal(answer: Answer, code: int) -> None:
    office, console = Office(), FakeConsole()
    arguments = ("tools", "run", "atmos_terraform_plan", "component=vpc", "stack=ue1-prod")
    async with asyncio.timeout(5):
        with office.approvals.attach("test", run_id=console.run_id) as prompter:
            running = asyncio.create_task(office.run(console, *arguments))
            async for event in prompter:
                option = next(each for each in event.request.options if each.answer is answer)
                await office.approvals.answer(
                    event.request.id, option.id, shown_digest=event.request.digest, resolved_by="test"
                )
                break
            assert await running == code
    assert console.prompter == [True, False]


def endless(office: Office) -> asyncio.Event:
    """A tool that never ends, and what is set when it runs."""
    runs = asyncio.Event()

    async def execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
        runs.set()
        await asyncio.Event().wait()
        raise AssertionError

    tool = Tool(
        name="endless",
        description="",
        parameters=(),
        effect=Effect.READ,
        execute=execute,
        requires_permission=False,
        timeout_seconds=None,
    )
    office.registry.register(tool)
    return runs


async def test_a_signal_stops_the_call_and_gives_the_exit_code() -> None:
    office, console = Office(), piped()
    runs = endless(office)
    async with asyncio.timeout(5):
        running = asyncio.create_task(office.run(console, "tools", "run", "endless"))
        await runs.wait()
        console.signal("INT")
        assert await running == 130


async def test_calls_that_were_left_running_are_listed_and_those_that_are_over_only_once() -> None:
    office, console, again = Office(), piped(), piped()
    office.left_programs.calls = {
        "call-9": LEFT,
        "call-8": LeftCall(
            session_id="",
            call_id="call-8",
            text="terraform destroy",
            start_time=LEFT.start_time,
            end_time=LEFT.start_time,
            state=LeftState.FINISHED,
            exit_code=1,
            output="Error: no\nEnd",
        ),
    }
    assert await office.run(console, "tools", "running") == 0
    first, *others = console.out.splitlines()
    assert first.startswith("call-9: `atmos terraform apply vpc -s prod` is still running after ")
    assert first.endswith("Locks: ID 4f1c.")
    assert others == [
        "call-8: `terraform destroy` was left to finish and ended with exit code 1 after 0 s.",
        "  Error: no",
        "  End",
    ]
    assert await office.run(again, "tools", "running", "-f", "json") == 0
    (left,) = json.loads(again.out)
    assert (left["call"], left["state"], left["pid"], left["session_id"]) == ("call-9", "running", 77, None)


async def test_no_left_call_is_said() -> None:
    console = piped()
    assert await Office().run(console, "tools", "running") == 0
    assert console.err == "No call was left running.\n"


async def test_a_left_call_is_ended_with_force_only_after_the_risk_was_named_and_confirmed() -> None:
    office, console = Office(), FakeConsole()
    office.left_programs.calls = {"call-9": LEFT}
    office.answer(console, "n")
    assert await office.run(console, "tools", "stop", "call-9") == 1
    assert office.left_programs.ended == []
    assert "may leave its state locked" in console.err
    office.answer(console, "y")
    assert await office.run(console, "tools", "stop", "call-9") == 0
    assert office.left_programs.ended == ["call-9"]


async def test_without_a_person_only_yes_ends_a_left_call() -> None:
    office = Office()
    office.left_programs.calls = {"call-9": LEFT}
    assert await office.run(piped(), "tools", "stop", "call-9") == 1
    assert await office.run(piped(), "tools", "stop", "call-9", "--yes") == 0
    assert await office.run(piped(), "tools", "stop", "call-7", "--yes") == 2
    assert office.left_programs.ended == ["call-9"]


async def test_the_next_question_tells_a_person_what_was_left_running() -> None:
    office, console = Office(), piped()
    office.left_programs.calls = {"call-9": LEFT}
    console.end_input()
    assert await office.run(console, "ask", "Hello?") == 0
    assert "Note: `atmos terraform apply vpc -s prod` is still running" in console.err
    assert "Note" not in console.out
