"""Calls that change infrastructure and that nobody waits for any more."""

import json

import click

from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import visible

RISK = (
    "It changes infrastructure. Ended with force it may leave its state locked or not as things are, and resources "
    "that no state knows."
)


@click.command("running", cls=Command)
@format_option("text", "json")
@click.pass_obj
async def running_tools(context: CommandContext, output_format: str) -> int:
    """Show calls that change infrastructure and were left to finish, and what became of them.

    One that is over and belongs to no session is shown once; a session is told with its next message.

    \b
    Example:
      atmos-ai tools running
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        left = workspace.left_calls
        calls = left.list()
        if output_format == "json":
            context.writer.line(json.dumps([_fields(call) for call in calls], ensure_ascii=False, indent=2))
        for call in calls if output_format == "text" else ():
            context.writer.line(visible(f"{call.call_id}: {left.sentence(call)}"))
            for line in call.output.splitlines():
                context.writer.line(f"  {visible(line)}")
        if not calls and output_format == "text":
            context.writer.say("No call was left running.")
        left.told(call.call_id for call in calls if not call.session_id)
    return exit_codes.DONE


@click.command("stop", cls=Command)
@click.argument("call_id", metavar="CALL")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
async def stop_tool(context: CommandContext, call_id: str, *, yes: bool) -> int:
    """End a call that was left running, with force: SIGTERM, and SIGKILL if that does not help.

    \b
    Example:
      atmos-ai tools stop toolu_01ABC
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        left = workspace.left_calls
        call = next((each for each in left.list() if each.call_id == call_id), None)
        if call is None or call.state is not LeftState.RUNNING:
            raise click.UsageError(f"No call {call_id!r} is running. `atmos-ai tools running` lists them.")
        context.writer.say(visible(left.sentence(call)))
        context.writer.say(RISK)
        if not yes and not (context.is_interactive and await context.confirm("End it with force?")):
            context.writer.say("It was left alone.")
            return exit_codes.ERROR
        left.end(call_id)
        context.writer.say("It was told to end. `atmos-ai tools running` shows what becomes of it.")
    return exit_codes.DONE


def _fields(call: LeftCall) -> dict[str, object]:
    return {
        "call": call.call_id,
        "session_id": call.session_id or None,
        "command": call.text,
        "state": call.state.value,
        "start_time": call.start_time.isoformat(),
        "end_time": call.end_time.isoformat() if call.end_time else None,
        "exit_code": call.exit_code,
        "pid": call.pid or None,
        "locks": list(call.locks),
        "output": call.output,
    }
