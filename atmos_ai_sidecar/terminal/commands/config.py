import asyncio
import json
from dataclasses import asdict

import click

from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tree import Command, Group
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import table


@click.group("config", cls=Group)
def config() -> None:
    """Look at the configuration.

    \b
    Example:
      atmos-ai config show
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@config.command("show", cls=Command)
@format_option("table", "json", text="How to print it.")
@click.pass_obj
async def show(context: CommandContext, output_format: str) -> int:
    """Show what the files of the project set, and where; everything else has its default.

    \b
    Example:
      atmos-ai config show --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    settings = await asyncio.to_thread(context.services.list_settings, context.run, context.options)
    if output_format == "json":
        context.writer.line(json.dumps([asdict(setting) for setting in settings], ensure_ascii=False, indent=2))
        return exit_codes.DONE
    rows = [(item.key, visible(item.value), visible(f"{item.file}:{item.line}")) for item in settings]
    for line in table(("KEY", "VALUE", "WRITTEN IN"), rows, context.writer.out):
        context.writer.line(line)
    return exit_codes.DONE
