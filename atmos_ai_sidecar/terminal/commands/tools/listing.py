import json
from collections.abc import Awaitable, Mapping
from typing import Any

import click

from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tree import Command, Group
from atmos_ai_sidecar.terminal.render.cards import cut
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import table

_DESCRIPTION_COLUMNS = 60


@click.group("tools", cls=Group, invoke_without_command=True)
@click.pass_context
def tools(click_context: click.Context) -> Awaitable[int] | None:
    """See what the model can ask for, and run it yourself.

    \b
    Examples:
      atmos-ai tools list
      atmos-ai tools run atmos_list_stacks
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return print_tools(click_context.obj, "table") if click_context.invoked_subcommand is None else None


@tools.command("list", cls=Command)
@format_option("table", "json")
@click.pass_obj
async def list_tools(context: CommandContext, output_format: str) -> int:
    """List the tools, what they do, and whether they ask.

    \b
    Examples:
      atmos-ai tools list
      atmos-ai tools list --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return await print_tools(context, output_format)


@click.command("show", cls=Command)
@click.argument("name")
@format_option("text", "json")
@click.pass_obj
async def show_tool(context: CommandContext, name: str, output_format: str) -> int:
    """Show a tool: what it does, what it takes, whether it asks.

    \b
    Example:
      atmos-ai tools show atmos_terraform_plan
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace() as workspace:
        await context.load_tools(workspace)
        tool = workspace.permissions.find(name)
    if output_format == "json":
        context.writer.line(json.dumps(_fields(tool), ensure_ascii=False, indent=2))
        return exit_codes.DONE
    writer = context.writer
    writer.line(writer.out.bold(tool.name))
    writer.line(visible(tool.description))
    writer.line()
    limit = "none" if tool.timeout_seconds is None else f"{tool.timeout_seconds:g} s"
    for label, value in (
        ("effect", tool.effect.value),
        ("asks", _asks(tool)),
        ("time limit", limit),
        ("source", tool.source),
    ):
        writer.line(f"{label + ':':12} {visible(value)}")
    rows = [_row(parameter, tool.input_schema) for parameter in tool.input_schema.get("properties", {})]
    if rows:
        writer.line()
    for line in table(("PARAMETER", "TYPE", "DEFAULT", "DESCRIPTION"), rows, writer.out):
        writer.line(line)
    return exit_codes.DONE


def _row(name: str, schema: Mapping[str, Any]) -> tuple[str, str, str, str]:
    field = schema["properties"][name]
    kind = " | ".join(map(str, field["enum"])) if field.get("enum") else str(field.get("type", "any"))
    default = json.dumps(field["default"]) if "default" in field else ""
    if name in schema.get("required", ()):
        default = "required"
    return visible(name), visible(kind), visible(default), visible(field.get("description", ""))


async def print_tools(context: CommandContext, output_format: str) -> int:
    """Prints the tools of this project by name."""
    async with context.open_workspace() as workspace:
        await context.load_tools(workspace)
        found = workspace.tools.registry.list()
        for problem in workspace.tools.problems:
            context.writer.say(f"{context.writer.talk.yellow('Warning:')} {visible(problem)}")
    if output_format == "json":
        context.writer.line(json.dumps([_fields(tool) for tool in found], ensure_ascii=False, indent=2))
        return exit_codes.DONE
    rows = [
        (tool.name, tool.effect.value, _asks(tool), cut(tool.description.split("\n")[0], _DESCRIPTION_COLUMNS))
        for tool in found
    ]
    for line in table(("NAME", "EFFECT", "ASKS", "DESCRIPTION"), rows, context.writer.out):
        context.writer.line(line)
    return exit_codes.DONE


def _asks(tool: Tool) -> str:
    if tool.restricted:
        return "always"
    return "yes" if tool.requires_permission else "no"


def _fields(tool: Tool) -> dict[str, object]:
    return {
        "name": tool.name,
        "description": tool.description,
        "effect": tool.effect.value,
        "requires_permission": tool.requires_permission,
        "restricted": tool.restricted,
        "source": tool.source,
        "input_schema": tool.input_schema,
    }
