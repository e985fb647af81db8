import json
from typing import Any

import click

from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.permissions import Rule
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, Group


@click.group("permissions", cls=Group, no_args_is_help=False)
def permissions() -> None:
    """See what may run, and why."""


@permissions.command("explain", cls=Command)
@click.argument("tool")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--input", "input_json", default="{}", metavar="JSON", help="The whole input as a JSON object.")
@click.pass_obj
async def explain(context: CommandContext, tool: str, values: tuple[str, ...], input_json: str) -> int:
    """Say what would be decided for a call, without running it.

    \b
    Example:
      atmos-ai permissions explain atmos_terraform_plan component=vpc stack=ue1-prod
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    call_input = {**_object(input_json), **dict(_pair(value) for value in values)}
    async with context.open_workspace() as workspace:
        validate_input(workspace.tools.registry.get(tool), call_input)
        decision = workspace.permissions.explain(tool, call_input)
    context.writer.line(f"{context.writer.out.bold(decision.kind.value)}: {decision.reason}")
    context.writer.line(f"rule: {_where(decision.rule)}")
    for rule in decision.lost:
        context.writer.line(f"lost: {_where(rule)}")
    return exit_codes.DONE


def _object(text: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--input is no JSON: {error}.") from error
    if not isinstance(values, dict):
        raise click.UsageError("--input must be a JSON object.")
    return values


def _pair(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    return name, value


def _where(rule: Rule) -> str:
    return f"{rule.text} ({rule.file}:{rule.line})" if rule.file else rule.text
