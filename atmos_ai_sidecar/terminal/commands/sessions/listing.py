import csv
import io
import json
from collections.abc import Sequence
from typing import Any

import click

from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.tables import age, table

_FIELDS = ("id", "name", "project_path", "model", "provider", "message_count", "created_at", "updated_at", "author")
PAGE = 1000


@click.command("list", cls=Command)
@format_option("table", "json", "yaml", "csv", text="How to print them.")
@click.option(
    "--all", "shows_all", is_flag=True, help="All of them, not only the newest (ai.sessions.max_sessions, 10)."
)
@click.pass_obj
async def list_sessions(context: CommandContext, output_format: str, *, shows_all: bool) -> int:
    """List sessions, the one that changed last first.

    \b
    Example:
      atmos-ai sessions list --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return await print_sessions(context, output_format=output_format, shows_all=shows_all)


async def print_sessions(context: CommandContext, *, output_format: str, shows_all: bool) -> int:
    """Prints the newest sessions, or all of them."""
    async with context.open_workspace(needs_trust=False) as workspace:
        page = await workspace.sessions.list(limit=PAGE if shows_all else workspace.sessions.listed)
        found = [*page.sessions]
        while shows_all and page.next_cursor:
            page = await workspace.sessions.list(limit=PAGE, cursor=page.next_cursor)
            found += page.sessions
    if output_format == "table":
        _print_table(context, found, has_more=bool(page.next_cursor))
    else:
        context.writer.write(_FORMATS[output_format]([session_fields(session) for session in found]))
    return exit_codes.DONE


def _print_table(context: CommandContext, found: Sequence[Session], *, has_more: bool) -> None:
    if not found:
        context.writer.say("There are no sessions in this project yet. `atmos-ai chat --session NAME` starts one.")
        return
    print_table(context, found)
    if has_more:
        context.writer.say(f"These are the {len(found)} newest; --all shows the others too.")


def print_table(context: CommandContext, found: Sequence[Session]) -> None:
    """Prints one line a session on standard output."""
    now = context.services.clock.now()
    rows = [
        (session.name, age(now, session.update_time), str(session.message_count), session.model) for session in found
    ]
    for line in table(("NAME", "CHANGED", "MESSAGES", "MODEL"), rows, context.writer.out):
        context.writer.line(line)


def session_fields(session: Session) -> dict[str, Any]:
    """A session as programs read it; times are ISO 8601."""
    return {
        "id": session.id,
        "name": session.name,
        "project_path": session.project_path,
        "model": session.model,
        "provider": session.provider,
        "message_count": session.message_count,
        "created_at": session.create_time.isoformat(),
        "updated_at": session.update_time.isoformat(),
        "author": session.author,
    }


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return json.dumps(list(rows), ensure_ascii=False, indent=2) + "\n"


def _yaml(rows: Sequence[dict[str, Any]]) -> str:
    """A list of flat maps; a JSON scalar is a YAML scalar."""
    lines = [
        f"{'-' if number == 0 else ' '} {name}: {json.dumps(value)}"
        for row in rows
        for number, (name, value) in enumerate(row.items())
    ]
    return "\n".join(lines or ["[]"]) + "\n"


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, _FIELDS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


_FORMATS = {"json": _json, "yaml": _yaml, "csv": _csv}
