import asyncio
import dataclasses
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from atmos_ai_sidecar.application.ports.approver import Attendance, CallContext
from atmos_ai_sidecar.application.ports.tool_outputs import ToolOutputs
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, ListEntry, Mode, PermissionSettings
from atmos_ai_sidecar.domain.redaction import Redactor
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import (
    Demand,
    Effect,
    Execute,
    Execution,
    OutputPiece,
    Parameter,
    Preview,
    Result,
    Tool,
    ToolRegistry,
)
from atmos_ai_sidecar.errors import InvalidFieldError, StorageFullError, ToolExecutionFailedError
from tests.fakes.approver import FakeApprover
from tests.fakes.clock import FakeClock
from tests.fakes.tool_outputs import FakeToolOutputs

SECRET = "ghp_" + "a1B2c3D4e5F6" * 3
CONTEXT = CallContext(session_id="session-1", turn_id="turn-1", run_id="run-1", attendance=Attendance.PRESENT)


async def say_hello(values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True, output=f"hello {values.get('name', 'world')}", data={"n": 1}, exit_code=0)


def tool(execute: Execute = say_hello, **more: Any) -> Tool:
    values: dict[str, Any] = {
        "name": "greet",
        "description": "Greets.",
        "parameters": (Parameter(name="name", type="string", description="Whom"),),
        "effect": Effect.EXECUTE,
        "execute": execute,
        "requires_permission": True,
        **more,
    }
    return Tool(**values)


async def longer_than_the_limit() -> None:
    passed = asyncio.Event()
    asyncio.get_running_loop().call_later(0.05, passed.set)
    await passed.wait()


@dataclass
class Bench:
    """An executor over one tool with everything that it works with."""

    tool: Tool
    approver: FakeApprover = field(default_factory=FakeApprover)
    clock: FakeClock = field(default_factory=FakeClock)
    policy: PermissionSettings = field(default_factory=PermissionSettings)
    timeouts: Mapping[str, float] = field(default_factory=dict)
    outputs: ToolOutputs | None = None
    shown: list[OutputPiece] = field(default_factory=list)

    @property
    def executor(self) -> ToolExecutor:
        return ToolExecutor(
            registry=ToolRegistry([self.tool]),
            approver=self.approver,
            redactor=Redactor(["a-known-secret"]),
            clock=self.clock,
            timeouts=self.timeouts,
            outputs=self.outputs,
        )

    async def call(self, call_name: str = "greet", /, **values: Any) -> Result:
        call = ToolCall(id="call-1", name=call_name, input=values)
        async with asyncio.timeout(5):
            result = await self.executor.execute(call, context=CONTEXT, policy=self.policy, emit=self.shown.append)
        assert result.tool_call_id == "call-1"
        return result.result


async def test_a_call_that_may_run_runs_and_its_result_has_a_duration() -> None:
    bench = Bench(tool(), policy=PermissionSettings(mode=Mode.ALLOW))

    async def take_time(values: Mapping[str, Any], execution: Execution) -> Result:
        bench.clock.advance(2.5)
        return await say_hello(values, execution)

    bench.tool = tool(take_time)
    result = await bench.call(name="ue1")
    assert result == Result(success=True, output="hello ue1", data={"n": 1}, exit_code=0, duration_seconds=2.5)
    assert bench.approver.asked == []


async def test_the_tool_knows_which_call_and_session_it_runs_for() -> None:
    seen: list[tuple[str, str]] = []

    async def look(_values: Mapping[str, Any], execution: Execution) -> Result:
        seen.append((execution.tool_call_id, execution.session_id))
        return Result(success=True)

    await Bench(tool(look)).call()
    assert seen == [("call-1", "session-1")]


async def test_an_unknown_tool_is_a_failed_result_that_names_the_nearest() -> None:
    result = await Bench(tool()).call("great")
    assert (result.success, result.reason) == (False, "TOOL_NOT_FOUND")
    assert result.output == "There is no tool 'great'. Did you mean 'greet'?"


async def test_an_invalid_input_is_told_before_anybody_is_asked_or_anything_runs() -> None:
    bench = Bench(tool())
    result = await bench.call(nam="x")
    assert result.reason == "INVALID_FIELD"
    assert "nam: is not a field of this tool. Did you mean 'name'?" in result.output
    assert bench.approver.asked == []


async def test_a_call_that_asks_runs_once_it_is_allowed() -> None:
    bench = Bench(tool())
    assert (await bench.call()).success
    ((asked, call, decision, context),) = bench.approver.asked
    assert (asked, call.id, context) == (bench.tool, "call-1", CONTEXT)
    assert decision.rule.text == "tools that need permission ask"


@pytest.mark.parametrize(
    ("answer", "comment", "reason", "words"),
    [
        (Answer.REJECT_ONCE, "", "TOOL_EXECUTION_DENIED", "the user rejected the call. Do not retry"),
        (Answer.REJECT_ALWAYS, "", "TOOL_EXECUTION_DENIED", "now and in future"),
        (Answer.REJECT_ONCE, "use ue1-dev", "TOOL_EXECUTION_DENIED", "The user says: use ue1-dev"),
        (Answer.CANCELLED, "", "TOOL_EXECUTION_DENIED", "the question was cancelled"),
        (Answer.EXPIRED, "", "TOOL_EXECUTION_DENIED", "nobody answered the question in time"),
        (Answer.UNATTENDED, "", "UNATTENDED", "it needs approval"),
    ],
)
async def test_a_call_that_is_not_allowed_is_denied_and_nothing_runs(
    answer: Answer, comment: str, reason: str, words: str
) -> None:
    async def must_not_run(_values: Mapping[str, Any], _execution: Execution) -> Result:
        raise AssertionError

    result = await Bench(tool(must_not_run), approver=FakeApprover(answer, comment)).call()
    assert (result.success, result.reason) == (False, reason)
    assert words in result.output
    assert result.error


async def test_a_denial_by_rule_names_the_rule_with_file_and_line() -> None:
    entry = ListEntry(pattern="gr*", file="atmos.yaml", line=7)
    bench = Bench(tool(), policy=PermissionSettings(blocked=(entry,)))
    result = await bench.call()
    assert result.reason == "TOOL_EXECUTION_DENIED"
    assert "the tool is blocked (rule: ai.tools.blocked: gr* at atmos.yaml:7)" in result.output
    assert "Do not retry" in result.output
    assert bench.approver.asked == []


async def test_a_tool_that_does_not_end_in_time_is_stopped_and_says_which_limit() -> None:
    stopped = asyncio.Event()

    async def hang(_values: Mapping[str, Any], _execution: Execution) -> Result:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    result = await Bench(tool(hang), timeouts={"greet": 0.01}).call()
    assert (result.success, result.reason) == (False, "TOOL_TIMEOUT")
    assert result.output == (
        "greet did not end within 0.01 s and was stopped. ai.tools.timeouts.greet sets another limit."
    )
    assert stopped.is_set()


async def test_waiting_for_a_person_is_not_timed_as_the_tool() -> None:
    class SlowApprover(FakeApprover):
        async def ask(
            self,
            tool: Tool,
            call: ToolCall,
            decision: Decision,
            context: CallContext,
            preview: Preview | None = None,
        ) -> PermissionRequest:
            await longer_than_the_limit()
            return await super().ask(tool, call, decision, context, preview)

    assert (await Bench(tool(timeout_seconds=0.01), approver=SlowApprover()).call()).success


async def test_a_call_without_a_limit_keeps_none_whatever_the_settings_say() -> None:
    async def take_time(values: Mapping[str, Any], execution: Execution) -> Result:
        await longer_than_the_limit()
        return await say_hello(values, execution)

    assert (await Bench(tool(take_time, timeout_seconds=None), timeouts={"greet": 0.01}).call()).success


@pytest.mark.parametrize(
    ("error", "reason", "output"),
    [
        (ToolExecutionFailedError("No such file."), "TOOL_EXECUTION_FAILED", "No such file."),
        (
            InvalidFieldError("name", "is odd."),
            "INVALID_FIELD",
            "The input of greet is not valid. name: is odd. Nothing was run.",
        ),
        (ValueError("a detail of ours"), "TOOL_EXECUTION_FAILED", "greet failed: internal error."),
        (TimeoutError("of the tool's own"), "TOOL_EXECUTION_FAILED", "greet failed: internal error."),
    ],
)
async def test_whatever_a_tool_raises_is_a_failed_result(
    error: Exception, reason: str, output: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_values: Mapping[str, Any], _execution: Execution) -> Result:
        raise error

    with caplog.at_level(logging.ERROR):
        result = await Bench(tool(fail)).call()
    assert (result.success, result.reason, result.output) == (False, reason, output)
    assert bool(caplog.records) is (output == "greet failed: internal error.")


async def test_a_cancelled_call_cancels_the_tool_and_is_cancelled() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(_values: Mapping[str, Any], _execution: Execution) -> Result:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    task = asyncio.create_task(Bench(tool(hang)).call())
    async with asyncio.timeout(5):
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stopped.is_set()


async def test_secrets_are_taken_out_of_output_data_error_and_what_is_shown() -> None:
    async def leak(_values: Mapping[str, Any], execution: Execution) -> Result:
        for piece in (f"first {SECRET[:9]}", f"{SECRET[9:]}\nsecond ", "a-known-", "secret"):
            execution.emit(OutputPiece(stream="stdout", text=piece))
        execution.emit(OutputPiece(stream="stderr", text=f"{SECRET}\n"))
        return Result(success=False, output=f"o {SECRET}", data={"d": [SECRET]}, error=f"e {SECRET}", reason="X")

    bench = Bench(tool(leak))
    result = await bench.call()
    assert (result.output, result.data, result.error) == (
        "o <<secret:1>>",
        {"d": ["<<secret:1>>"]},
        "e <<secret:1>>",
    )
    shown = [(piece.stream, piece.text) for piece in bench.shown]
    assert shown == [
        ("stdout", "first <<secret:1>>\n"),
        ("stderr", "<<secret:1>>\n"),
        ("stdout", "second <<secret:2>>"),
    ]


async def test_what_was_shown_before_a_failure_is_complete() -> None:
    async def fail(_values: Mapping[str, Any], execution: Execution) -> Result:
        execution.emit(OutputPiece(stream="stdout", text="no line end"))
        raise ToolExecutionFailedError("x")

    bench = Bench(tool(fail))
    await bench.call()
    assert bench.shown == [OutputPiece(stream="stdout", text="no line end")]


async def test_long_pieces_are_shown_in_parts_below_64_kib() -> None:
    async def shout(_values: Mapping[str, Any], execution: Execution) -> Result:
        execution.emit(OutputPiece(stream="stdout", text="👽" * 100_000 + "\n"))
        return Result(success=True)

    bench = Bench(tool(shout))
    await bench.call()
    assert "".join(piece.text for piece in bench.shown) == "👽" * 100_000 + "\n"
    assert max(len(piece.text.encode()) for piece in bench.shown) <= 65_536


@pytest.mark.parametrize("length", [40_000, 400_000])
async def test_long_output_is_cut_and_marked_after_secrets_were_taken_out(length: int) -> None:
    output = f"{SECRET}{'x' * length}end"

    async def shout(_values: Mapping[str, Any], _execution: Execution) -> Result:
        return Result(success=True, output=f"head {output}", data="x" * 300_000)

    result = await Bench(tool(shout)).call()
    assert result.truncated
    assert result.output.startswith("head ")
    assert "characters left out" in result.output
    assert result.output.endswith("end")
    assert len(result.output) < 30_100
    assert SECRET not in result.output
    assert result.data is None


def deep(levels: int) -> Any:
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@pytest.mark.parametrize("levels", [100, 900, 5000])
async def test_an_input_that_is_nested_too_deep_is_told_and_nothing_runs(levels: int) -> None:
    bench = Bench(tool(parameters=(Parameter(name="tags", type="object", description="Any"),)))
    result = await bench.call(tags=deep(levels))
    assert (result.success, result.reason) == (False, InvalidFieldError.reason)
    assert "nested more than 100 levels deep" in result.error
    assert bench.approver.asked == []


@pytest.mark.parametrize("levels", [101, 900, 5000])
async def test_data_that_is_nested_too_deep_is_left_out_and_the_text_kept(levels: int) -> None:
    async def answer(_values: Mapping[str, Any], _execution: Execution) -> Result:
        return Result(success=True, output="a text", data=deep(levels))

    result = await Bench(tool(answer), policy=PermissionSettings(mode=Mode.ALLOW)).call()
    assert (result.success, result.output, result.data) == (True, "a text", None)


@pytest.mark.parametrize("effect", [Effect.WRITE, Effect.EXECUTE, Effect.NETWORK])
async def test_a_placeholder_in_what_writes_or_executes_is_refused(effect: Effect) -> None:
    bench = Bench(tool(effect=effect), policy=PermissionSettings(yolo=True))
    result = await bench.call(name="x <<secret:1>>")
    assert result.reason == "TOOL_EXECUTION_DENIED"
    assert "holds a placeholder" in result.output


async def test_a_placeholder_in_what_only_reads_is_harmless() -> None:
    bench = Bench(tool(effect=Effect.READ), policy=PermissionSettings(yolo=True))
    assert (await bench.call(name="<<secret:1>>")).success


async def test_what_the_input_demands_decides_over_the_tools_own_words() -> None:
    demand = Demand(effect=Effect.EXECUTE, requires_permission=True)
    reading = tool(effect=Effect.READ, requires_permission=False)
    bench = Bench(dataclasses.replace(reading, demand_of=lambda values: demand))
    bench.approver.answer = Answer.UNATTENDED
    assert (await bench.call()).reason == "UNATTENDED"


def greeting(name: str = "greet", **values: Any) -> ToolCall:
    return ToolCall(id="call-1", name=name, input=values)


def test_the_model_is_told_of_every_tool_but_those_that_are_always_denied() -> None:
    executor = Bench(tool()).executor
    blocked = PermissionSettings(blocked=(ListEntry(pattern="greet"),))
    assert [each.name for each in executor.offered(PermissionSettings())] == ["greet"]
    assert executor.offered(blocked) == ()
    assert executor.registry.get("greet").name == "greet"


def test_the_title_of_a_call_is_the_tools_and_for_an_unknown_tool_its_name_made_visible() -> None:
    executor = Bench(tool(title="{name} {whom}[ in {place}]")).executor
    assert executor.title(greeting()) == "greet ?"
    assert executor.title(greeting(whom="ue1", place="prod")) == "greet ue1 in prod"
    assert executor.title(greeting("no\x1bsuch")) == r"no\x1bsuch"


def test_calls_run_beside_others_only_when_they_read_or_cannot_run_at_all() -> None:
    assert not Bench(tool()).executor.is_parallel(greeting())
    assert Bench(tool(effect=Effect.READ)).executor.is_parallel(greeting())
    assert Bench(tool()).executor.is_parallel(greeting("unknown"))


def previewed(text: str, binding: Callable[[], str], **more: Any) -> Tool:
    return tool(preview=lambda _values, session_id: Preview(text=f"{session_id} {text}", binding=binding()), **more)


async def test_the_question_gets_a_preview_without_secrets() -> None:
    bench = Bench(previewed(f"+token: {SECRET}", lambda: "same"))
    assert (await bench.call()).success
    assert bench.approver.previews == [Preview(text="session-1 +token: <<secret:1>>", binding="same")]


async def test_an_answer_does_not_hold_when_the_preview_is_not_the_same_any_more() -> None:
    bindings = ["first"]
    bench = Bench(previewed("+a", lambda: bindings[-1]))
    bench.approver.meanwhile = lambda: bindings.append("second")
    result = await bench.call()
    assert (result.success, result.reason) == (False, "TOOL_EXECUTION_DENIED")
    assert "not what the user was asked about any more" in result.output


async def test_an_answer_does_not_hold_when_the_call_leads_to_another_file() -> None:
    target = ["stacks/a.yaml"]

    def demand_of(_values: Mapping[str, Any]) -> Demand:
        return Demand(effect=Effect.WRITE, requires_permission=True, target=target[-1])

    bench = Bench(tool(demand_of=demand_of))
    bench.approver.meanwhile = lambda: target.append("stacks/b.yaml")
    assert "not what the user was asked about any more" in (await bench.call()).output


async def test_nobody_is_asked_about_a_call_whose_preview_fails() -> None:
    def preview(_values: Mapping[str, Any], _session_id: str) -> Preview:
        raise ToolExecutionFailedError("The old text is not there.")

    bench = Bench(tool(preview=preview))
    assert (await bench.call()).output == "The old text is not there."
    assert bench.approver.asked == []


async def test_the_tool_knows_the_turn_and_the_file_that_was_decided_about() -> None:
    seen: list[tuple[str, str]] = []

    async def look(_values: Mapping[str, Any], execution: Execution) -> Result:
        seen.append((execution.turn_id, execution.target))
        return Result(success=True)

    demand = Demand(effect=Effect.READ, requires_permission=False, target="stacks/a.yaml")
    await Bench(tool(look, demand_of=lambda _values: demand)).call()
    assert seen == [("turn-1", "stacks/a.yaml")]


LONG = f"start {SECRET}\n" + "a line\n" * 10_000


async def print_much(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True, output=LONG)


async def test_what_is_cut_is_kept_whole_and_redacted_and_the_model_is_told_where() -> None:
    outputs = FakeToolOutputs()
    result = await Bench(tool(print_much), outputs=outputs).call()
    whole = LONG.replace(SECRET, "<<secret:1>>")
    assert outputs.kept == {("session-1", "call-1"): ("greet", whole)}
    assert result.output.endswith(f'[All {len(whole):,} characters are kept: read_tool_output with call "call-1".]')
    assert result.truncated


async def test_a_short_output_is_not_kept_twice() -> None:
    outputs = FakeToolOutputs()
    await Bench(tool(), outputs=outputs).call()
    assert outputs.kept == {}


async def test_a_result_is_not_lost_because_its_output_cannot_be_kept(caplog: pytest.LogCaptureFixture) -> None:
    result = await Bench(tool(print_much), outputs=FakeToolOutputs(StorageFullError("The disk is full."))).call()
    assert result.success
    assert "read_tool_output" not in result.output
    assert "was not kept" in caplog.text
