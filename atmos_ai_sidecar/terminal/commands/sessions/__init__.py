"""The commands about sessions of this project."""

from collections.abc import Awaitable

import click

from atmos_ai_sidecar.terminal.commands.sessions.changes import clean, delete, rename
from atmos_ai_sidecar.terminal.commands.sessions.exports import export
from atmos_ai_sidecar.terminal.commands.sessions.imports import import_session
from atmos_ai_sidecar.terminal.commands.sessions.listing import list_sessions, print_sessions
from atmos_ai_sidecar.terminal.commands.sessions.reading import search, show
from atmos_ai_sidecar.terminal.commands.tree import Group

__all__ = ["sessions"]


@click.group("sessions", cls=Group, invoke_without_command=True)
@click.pass_context
def sessions(click_context: click.Context) -> Awaitable[int] | None:
    """List, read, move and remove the sessions of this project.

    \b
    Example:
      atmos-ai sessions search vpc cidr
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if click_context.invoked_subcommand is not None:
        return None
    return print_sessions(click_context.obj, output_format="table", shows_all=False)


for _command in (list_sessions, show, search, rename, delete, clean, export, import_session):
    sessions.add_command(_command)
