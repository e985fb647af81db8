import click

from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, Group


@click.group("sidecar", cls=Group, no_args_is_help=False)
def sidecar() -> None:
    """Run the sidecar for other programs."""


@sidecar.command("run", cls=Command)
@click.option(
    "--role",
    type=click.Choice(["owner", "client"]),
    default="owner",
    show_default=True,
    help="What the printed token may do.",
)
@click.pass_obj
async def run(context: CommandContext, role: str) -> int:
    """Run a sidecar in the foreground and print how to call it with grpcurl.

    \b
    Example:
      atmos-ai sidecar run --role client
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace():  # what is wrong with the project is told here, not to the first caller
        return await context.services.run_foreground_sidecar(context.console, role, context.run, context.options)
