import json
from collections.abc import Sequence
from typing import Any

import click

from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.permissions.documents import as_yaml, grant_document, rule_document
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.tables import age, table


@click.command("list", cls=Command)
@format_option("table", "json", "yaml", text="How to print them.")
@click.pass_obj
async def list_rules(context: CommandContext, output_format: str) -> int:
    """List the rules and lists of the configuration, and what is remembered.

    \b
    Example:
      atmos-ai permissions list --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    async with context.open_workspace(needs_trust=False) as workspace:
        if output_format == "table":
            _print_tables(context, workspace)
            return exit_codes.DONE
        document: dict[str, list[dict[str, Any]]] = {
            "rules": [rule_document(rule) for rule in workspace.permissions.rules()],
            "grants": [grant_document(grant) for grant in workspace.grants.all()],
        }
    text = as_yaml(document) if output_format == "yaml" else json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    context.writer.write(text)
    return exit_codes.DONE


def _print_tables(context: CommandContext, workspace: Workspace) -> None:
    rules, grants = workspace.permissions.rules(), workspace.grants.all()
    rows = [(rule.text, f"{rule.file}:{rule.line}" if rule.file else "") for rule in rules]
    for line in table(("RULE", "WHERE"), rows, context.writer.out) if rows else ():
        context.writer.line(line)
    if rows and grants:
        context.writer.line()
    for line in table(_HEAD, _grant_rows(context, grants), context.writer.out) if grants else ():
        context.writer.line(line)
    if not grants:
        context.writer.say("Nothing is remembered for this project.")


_HEAD = ("ID", "REMEMBERED", "GIVEN", "EXPIRES", "USES")


def _grant_rows(context: CommandContext, grants: Sequence[Grant]) -> Sequence[Sequence[str]]:
    now = context.services.clock.now()
    return [
        (
            grant.id,
            grant.text,
            age(now, grant.create_time) + (f" by {grant.user}" if grant.user else "") if grant.create_time else "",
            _expiry(grant, now),
            str(grant.uses),
        )
        for grant in grants
    ]


def _expiry(grant: Grant, now: Any) -> str:
    if grant.expire_time is None:
        return "never"
    return "expired" if grant.expire_time <= now else f"{grant.expire_time:%Y-%m-%d %H:%M} UTC"
