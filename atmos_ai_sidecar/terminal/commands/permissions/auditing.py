import json
from datetime import timedelta
from typing import Any

import click

from atmos_ai_sidecar.domain.audit import AuditRow, shown
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import age, format_option
from atmos_ai_sidecar.terminal.commands.tree import Command, Group
from atmos_ai_sidecar.terminal.render.tables import table


@click.group("audit", cls=Group)
def audit() -> None:
    """Read and check what was written down about every call.

    \b
    Example:
      atmos-ai permissions audit show
    """  # noqa: D301 - \b is click's mark for lines that stay as they are


@audit.command("show", cls=Command)
@click.option("--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="How many rows.")
@click.option("--session", default="", metavar="NAME", help="Only of one session.")
@format_option("table", "json")
@click.pass_obj
async def show(context: CommandContext, *, limit: int, session: str, output_format: str) -> int:
    """Print the newest rows, newest first.

    \b
    Example:
      atmos-ai permissions audit show --session vpc-refactor
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        session_id = (await workspace.sessions.get_by_name(session)).id if session else ""
        documents = [_document(row) for row in await workspace.audit.newest(limit=limit, session_id=session_id)]
    if output_format == "json":
        context.writer.write(json.dumps(documents, ensure_ascii=False, indent=2) + "\n")
    elif documents:
        rows = [tuple(str(document.get(name) or "") for name in _COLUMNS) for document in documents]
        for line in table([name.replace("_", " ").upper() for name in _COLUMNS], rows, context.writer.out):
            context.writer.line(line)
    else:
        context.writer.say("Nothing was written down yet.")
    return exit_codes.DONE


_COLUMNS = ("number", "time", "tool", "decision", "rule", "answered_by", "latency_ms", "outcome")


@audit.command("verify", cls=Command)
@click.pass_obj
async def verify(context: CommandContext) -> int:
    """Check that no row was changed, moved, added or removed; name the first that was.

    \b
    Example:
      atmos-ai permissions audit verify
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        verdict = await workspace.audit.verify()
    if verdict.note:
        context.writer.say(f"Note: {verdict.note}.")
    if verdict.broken:
        context.writer.line(f"Row {verdict.broken} is not as it was written: {verdict.problem}.")
        return exit_codes.ERROR
    context.writer.line(f"{verdict.rows} rows are as they were written.")
    if verdict.removed:
        context.writer.line(f"{verdict.removed} rows from before {verdict.removed_before} were removed on purpose.")
    return exit_codes.DONE


@audit.command("clean", cls=Command)
@click.option(
    "--older-than", callback=age, required=True, metavar="AGE", help="Hours, days, weeks or months: 12h, 30d, 2w, 6m."
)
@click.option("--dry-run", is_flag=True, help="Only count what would go.")
@click.pass_obj
async def clean(context: CommandContext, older_than: timedelta, *, dry_run: bool) -> int:
    """Remove the oldest rows; what is left can be verified as before.

    \b
    Example:
      atmos-ai permissions audit clean --older-than 365d --dry-run
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        removed = await workspace.audit.clean(older_than, dry_run=dry_run)
    rows = f"{removed} row{'' if removed == 1 else 's'}"
    context.writer.say(f"{rows} would be removed." if dry_run else f"Removed {rows}.")
    return exit_codes.DONE


@audit.command("export", cls=Command)
@format_option("jsonl")
@click.pass_obj
async def export(context: CommandContext, output_format: str) -> int:  # noqa: ARG001 - the only one there is
    """Print every row, oldest first, one JSON object a line.

    \b
    Example:
      atmos-ai permissions audit export --format jsonl > audit.jsonl
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        async for row in workspace.audit.rows():
            context.writer.line(json.dumps(_document(row)))
    return exit_codes.DONE


def _document(row: AuditRow) -> dict[str, Any]:
    return {"number": row.number, **dict(shown(row.entry)), "code": row.code}
