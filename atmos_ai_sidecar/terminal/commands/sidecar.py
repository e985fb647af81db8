import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from atmos_ai_sidecar.errors import NotFoundError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command, Group
from atmos_ai_sidecar.terminal.render.palette import visible
from atmos_ai_sidecar.terminal.render.tables import table
from atmos_ai_sidecar.terminal.services import StayingSidecar


@click.group("sidecar", cls=Group)
def sidecar() -> None:
    """Run the sidecar for other programs, and see those that stay warm."""


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


@sidecar.command("status", cls=Command)
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print them.",
)
@click.pass_obj
async def status(context: CommandContext, output_format: str) -> int:
    """List your sidecars that stay warm for later runs.

    ATMOS_AI_KEEP_WARM=10m, or `keep_warm: 10m` in ~/.config/atmos-ai/config.yaml, keeps one for each project.

    \b
    Example:
      atmos-ai sidecar status
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    found = context.services.staying_sidecars.list(context.environment)
    if output_format == "json":
        context.writer.line(json.dumps([asdict(item) for item in found], ensure_ascii=False, indent=2))
    elif not found:
        context.writer.say("No sidecar stays warm. ATMOS_AI_KEEP_WARM=10m keeps one for ten minutes after each run.")
    else:
        rows = [(visible(item.project), str(item.process_id), visible(item.version)) for item in found]
        for line in table(("PROJECT", "PROCESS", "VERSION"), rows, context.writer.out):
            context.writer.line(line)
    return exit_codes.DONE


@sidecar.command("stop", cls=Command)
@click.option("--all", "every", is_flag=True, help="Those of all your projects, not only of this one.")
@click.option("--force", is_flag=True, help="At once, also one that does not answer. Its turns are interrupted.")
@click.pass_obj
async def stop(context: CommandContext, *, every: bool, force: bool) -> int:
    """End the sidecar that stays warm for this project.

    \b
    Example:
      atmos-ai sidecar stop --all
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    code = exit_codes.DONE
    for item in _asked(context, every=every):
        if await context.services.staying_sidecars.stop(item, force=force):
            context.writer.say(f"Ended the sidecar of {visible(item.project)}.")
        else:
            context.writer.say(f"The sidecar of {visible(item.project)} does not end. --force ends it at once.")
            code = exit_codes.ERROR
    return code


@sidecar.command("token", cls=Command)
@click.pass_obj
async def token(context: CommandContext) -> int:
    """Print how to call the sidecar that stays warm for this project with grpcurl. The token is its owner's.

    \b
    Example:
      atmos-ai sidecar token
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    for item in _asked(context, every=False):
        context.writer.write(context.services.staying_sidecars.instructions(item))
    return exit_codes.DONE


def _asked(context: CommandContext, *, every: bool) -> Sequence[StayingSidecar]:
    """The sidecars of this project, or all; none of all is fine.

    Raises:
        NotFoundError: None stays for this project.
    """
    found = context.services.staying_sidecars.list(context.environment)
    if every:
        return found
    here = context.path(".").resolve()
    project = [item for item in found if here.is_relative_to(item.project)][-1:]
    if not project:
        raise NotFoundError(
            f"No sidecar stays warm for {here}.", remedy="`atmos-ai sidecar status` lists those of other projects."
        )
    return project
