from datetime import timedelta

import click

from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import Option, SwitchCommand, age
from atmos_ai_sidecar.terminal.commands.sessions.listing import print_table
from atmos_ai_sidecar.terminal.commands.tree import Command


@click.command("rename", cls=Command)
@click.argument("old")
@click.argument("new")
@click.pass_obj
async def rename(context: CommandContext, old: str, new: str) -> int:
    """Give a session another name.

    \b
    Example:
      atmos-ai sessions rename session-20260102-030405 vpc-refactor
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        session = await workspace.sessions.get_by_name(old)
        await workspace.sessions.update(session.id, SessionChange(name=new))
    context.writer.say(f"The session {old!r} is now {new!r}.")
    return exit_codes.DONE


@click.command("delete", cls=Command)
@click.argument("name")
@click.pass_obj
async def delete(context: CommandContext, name: str) -> int:
    """Delete a session with everything that was said in it.

    \b
    Example:
      atmos-ai sessions delete vpc-refactor
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        session = await workspace.sessions.get_by_name(name)
        await workspace.sessions.delete(session.id)
    context.writer.say(f"Deleted the session {session.name!r} with {messages_text(session.message_count)}.")
    return exit_codes.DONE


@click.command("clean", cls=SwitchCommand)
@click.option(
    "--older-than",
    cls=Option,
    callback=age,
    envvar="ATMOS_AI_SESSIONS_OLDER_THAN",
    default="30d",
    show_default=True,
    metavar="AGE",
    help="Hours, days, weeks or months: 12h, 30d, 2w, 6m.",
)
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.pass_obj
async def clean(context: CommandContext, older_than: timedelta, *, dry_run: bool) -> int:
    """Remove sessions that did not change for a long time, and list them.

    The newest session stays, and so do those with a running turn, of other people and of other projects.

    \b
    Example:
      atmos-ai sessions clean --older-than 30d --dry-run
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        removed = await workspace.archive.clean(older_than, dry_run=dry_run)
    if not removed:
        context.writer.say("There is no session that old; nothing was removed.")
        return exit_codes.DONE
    print_table(context, removed)
    count = f"{len(removed)} session{'s' if len(removed) > 1 else ''}"
    context.writer.say(f"{count} would be removed." if dry_run else f"Removed {count}.")
    return exit_codes.DONE


def messages_text(count: int) -> str:
    """A number of messages in words."""
    return f"{count} message{'' if count == 1 else 's'}"
