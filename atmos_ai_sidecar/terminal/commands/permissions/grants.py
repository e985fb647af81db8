import dataclasses

import click

from atmos_ai_sidecar.domain.grants import lifetime
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.permissions.documents import call_input
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import visible


@click.command("add", cls=Command)
@click.argument("tool")
@click.argument("values", metavar="[NAME=VALUE]...", nargs=-1)
@click.option("--input", "input_json", default="{}", metavar="JSON", help="The whole input as a JSON object.")
@click.option("--reject", is_flag=True, help="Remember that the call is never to run.")
@click.option("--session", default="", metavar="NAME", help="Only for one session.")
@click.option("--expires", default="", metavar="TIME", help="For so long: 30m, 12h, 7d or 2w.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before it is stored.")
@click.pass_obj
async def add(
    context: CommandContext,
    tool: str,
    values: tuple[str, ...],
    *,
    input_json: str,
    reject: bool,
    session: str,
    expires: str,
    yes: bool,
) -> int:
    """Remember an answer for a call, as "always" does: the smallest rule that covers it.

    \b
    Example:
      atmos-ai permissions add atmos_terraform_plan component=vpc stack=ue1-dev --expires 7d
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    call = call_input(input_json, values)
    limit = lifetime(expires) if expires else None
    async with context.open_workspace() as workspace:
        session_id = (await workspace.sessions.get_by_name(session)).id if session else ""
        grant = workspace.permissions.grant_for(tool, call, allow=not reject, session_id=session_id)
        until = f", for {expires}" if expires else ""
        context.writer.say(f"To be remembered: {visible(grant.text)}{until}")
        if not yes and (not context.is_interactive or not await context.confirm("Remember it?")):
            context.writer.say("Nothing was remembered." + ("" if context.is_interactive else " --yes stores it."))
            return exit_codes.ERROR
        stored = workspace.permissions.remember(dataclasses.replace(grant, from_session=session_id), limit)
    context.writer.line(stored.id)
    return exit_codes.DONE


@click.command("revoke", cls=Command)
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@click.pass_obj
async def revoke(context: CommandContext, ids: tuple[str, ...]) -> int:
    """Forget remembered answers.

    \b
    Example:
      atmos-ai permissions revoke 3f9a2c1b
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        gone = workspace.grants.revoke(ids)
    for grant in gone:
        context.writer.line(f"{grant.id}  {visible(grant.text)}")
    unknown = sorted(set(ids) - {grant.id for grant in gone})
    for grant_id in unknown:
        context.writer.say(f"There is no grant {visible(grant_id)!r}. `atmos-ai permissions list` shows their ids.")
    return exit_codes.ERROR if unknown else exit_codes.DONE
