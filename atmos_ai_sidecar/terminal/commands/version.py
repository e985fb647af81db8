import platform

import click

from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command


@click.command("version", cls=Command)
@click.pass_obj
async def version(context: CommandContext) -> int:
    """Print the version of the sidecar and of the Python that runs it.

    \b
    Example:
      atmos-ai version
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    context.writer.line(f"atmos-ai-sidecar {context.services.version} (Python {platform.python_version()})")
    return exit_codes.DONE
