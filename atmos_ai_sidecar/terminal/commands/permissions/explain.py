import json
from collections.abc import Mapping
from typing import Any

import click

from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.permissions.documents import json_object, pair, rule_document, where
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import visible


@click.command("explain", cls=Command)
@click.argument("tool")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option(
    "--input",
    "input_json",
    default="{}",
    metavar="JSON|-",
    help="The whole input as a JSON object; - reads one a line and prints one decision a line.",
)
@format_option("text", "json")
@click.pass_obj
async def explain(
    context: CommandContext, tool: str, values: tuple[str, ...], input_json: str, output_format: str
) -> int:
    """Say what would be decided for a call, without running it.

    \b
    Example:
      atmos-ai permissions explain atmos_terraform_plan component=vpc stack=ue1-prod
      atmos-ai permissions explain execute_bash_command command='terraform apply' --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    named = dict(pair(value) for value in values)
    is_many = input_json == "-"
    first = {} if is_many else {**json_object(input_json, "--input"), **named}
    as_json = output_format == "json"
    async with context.open_workspace() as workspace:
        if not workspace.permissions.is_switched_off(tool):
            await workspace.tools.load_for(tool)
        for warning in workspace.permissions.warnings:
            context.writer.say(warning)
        if workspace.permissions.is_switched_off(tool):
            context.writer.say(f"{tool} is switched off; this is what would be decided if it were on.")
        if not is_many:
            _print(context, *_explained(workspace, tool, first), as_json=as_json, in_one_line=False)
            return exit_codes.DONE
        workspace.permissions.find(tool)
        return await _explain_lines(context, workspace, tool, named, as_json=as_json)


async def _explain_lines(
    context: CommandContext, workspace: Workspace, tool: str, named: Mapping[str, str], *, as_json: bool
) -> int:
    """One decision for each line of standard input; empty lines are skipped, and a wrong one gets an error instead.

    Returns:
        The exit code: a failure when a line was wrong.
    """
    number, code = 0, exit_codes.DONE
    while (line := await context.reader.line()) is not None:
        number += 1
        if not line.strip():
            continue
        try:
            explained = _explained(workspace, tool, {**json_object(line, f"Line {number}"), **named})
        except (click.UsageError, InvalidFieldError) as error:
            message = error.message
            code = exit_codes.ERROR
            context.writer.line(json.dumps({"error": message, "line": number}) if as_json else f"error: {message}")
        else:
            _print(context, *explained, as_json=as_json, in_one_line=True)
    return code


def _explained(workspace: Workspace, tool: str, values: Mapping[str, Any]) -> tuple[Decision, str]:
    """The decision, and the class of the command that would run; empty when the call runs none."""
    found = workspace.permissions.find(tool)
    validate_input(found, values)
    return workspace.permissions.explain(tool, values), found.demand(values).command_class or ""


def _print(
    context: CommandContext, decision: Decision, command_class: str, *, as_json: bool, in_one_line: bool
) -> None:
    writer = context.writer
    if as_json:
        writer.line(json.dumps(_document(decision, command_class)))
        return
    kind = writer.out.bold(decision.kind.value)
    writer.line(f"{kind}: {visible(decision.reason)}")
    if in_one_line:
        return
    if command_class:
        writer.line(f"class: {command_class}")
    writer.line(f"rule: {where(decision.rule)}")
    for rule in decision.lost:
        writer.line(f"lost: {where(rule)}")


def _document(decision: Decision, command_class: str) -> dict[str, Any]:
    return {
        "decision": decision.kind.value,
        "reason": decision.reason,
        "class": command_class or None,
        "rule": rule_document(decision.rule),
        "lost": [rule_document(rule) for rule in decision.lost],
    }
