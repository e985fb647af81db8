import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

import click

from atmos_ai_sidecar.application.ports.approver import Attendance, CallContext
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionDeniedError, UnattendedError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import MAX_INPUT_CHARACTERS, CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tools.inputs import named_values, object_of
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import visible

TICK_SECONDS = 10.0
"""How often a person is told that a call still runs."""

_CODES = {
    UnattendedError.reason: exit_codes.NEEDS_APPROVAL,
    ToolExecutionDeniedError.reason: exit_codes.DENIED,
    InvalidFieldError.reason: exit_codes.USAGE,
}


@click.command("run", cls=Command)
@click.argument("name")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--input", "input_json", default="{}", metavar="JSON|-", help="The input as a JSON object; - reads it.")
@format_option("text", "json")
@click.pass_obj
async def run_tool(
    context: CommandContext, name: str, values: tuple[str, ...], input_json: str, output_format: str
) -> int:
    """Run a tool as the model would: the same checks, permissions and questions.

    Exit codes: 0 done, 1 failed, 2 wrong input, 3 needs approval and nobody was there, 5 denied.

    \b
    Examples:
      atmos-ai tools run atmos_describe_component component=vpc stack=ue1-prod
      echo '{"arguments": ["version"]}' | atmos-ai tools run execute_atmos_command --input -
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    given = object_of(await context.reader.rest(MAX_INPUT_CHARACTERS) if input_json == "-" else input_json)
    async with context.open_workspace() as workspace:
        await context.load_tools(workspace)
        tool = workspace.tools.registry.get(name)
        given = {**given, **named_values(tool, values)}
        try:
            validate_input(tool, given)
        except InvalidFieldError as error:
            raise click.UsageError(f"{error} `atmos-ai tools show {name}` shows what it takes.") from error
        call = ToolCall(id=f"call_{uuid.uuid4().hex}", name=name, input=given)
        return await _Running(context, workspace, call).run(as_json=output_format == "json")


class _Running:
    """One call that is watched from its start to its end."""

    def __init__(self, context: CommandContext, workspace: Workspace, call: ToolCall) -> None:
        self._context = context
        self._workspace = workspace
        self._call = call
        self._signal = ""

    async def run(self, *, as_json: bool) -> int:
        console = self._context.console
        is_attended = console.has_controlling_terminal and (console.stderr_is_terminal or console.stdin_is_terminal)
        console.set_prompter(attached=is_attended)
        try:
            result = await self._watched(Attendance.EXPECTED if is_attended else Attendance.NOBODY)
        finally:
            console.set_prompter(attached=False)
        if result is None:
            return self._interrupted()
        self._workspace.left_calls.told([self._call.id])
        self._print(result, as_json=as_json)
        return exit_codes.DONE if result.success else _CODES.get(result.reason, exit_codes.ERROR)

    async def _watched(self, attendance: Attendance) -> Result | None:
        """The result; None when a signal came first."""
        task = asyncio.create_task(self._execute(attendance))
        ticking = asyncio.create_task(self._tick())

        def cancel(name: str) -> None:
            if name != "CONT":
                self._signal = name
                task.cancel()

        self._context.console.on_signal(cancel)
        try:
            await asyncio.wait({task})
        finally:
            ticking.cancel()
            task.cancel()
            await asyncio.gather(ticking, task, return_exceptions=True)
        return None if task.cancelled() else task.result()

    async def _execute(self, attendance: Attendance) -> Result:
        context = CallContext(session_id="", turn_id="", run_id=self._context.console.run_id, attendance=attendance)
        policy = self._workspace.permissions.pin()
        answered = await self._workspace.tools.execute(self._call, context=context, policy=policy, emit=lambda _: None)
        return answered.result

    async def _tick(self) -> None:
        """Tells a person how long a change has been running, and which locks are seen; a change has no time limit."""
        if not self._context.console.stderr_is_terminal:
            return
        while True:
            await self._context.services.clock.sleep(TICK_SECONDS)
            self._tell_left()

    def _tell_left(self) -> bool:
        found = [call for call in self._workspace.left_calls.list() if call.call_id == self._call.id]
        for call in found:
            self._context.writer.say(visible(self._workspace.left_calls.sentence(call)))
        return bool(found)

    def _interrupted(self) -> int:
        if self._tell_left():
            self._context.writer.say("`atmos-ai tools running` shows what becomes of it.")
        return exit_codes.of_signal(self._signal)

    def _print(self, result: Result, *, as_json: bool) -> None:
        writer = self._context.writer
        if as_json:
            writer.line(json.dumps(_fields(result), ensure_ascii=False, indent=2))
        elif result.success:
            writer.line(visible(result.output))
        else:
            writer.say(visible(result.output))


def _fields(result: Result) -> Mapping[str, Any]:
    return {
        "success": result.success,
        "output": result.output,
        "data": result.data,
        "error": result.error,
        "reason": result.reason,
        "exit_code": result.exit_code,
        "duration_seconds": result.duration_seconds,
        "truncated": result.truncated,
    }
