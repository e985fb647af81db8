import json

import click

from atmos_ai_sidecar.application.doctor import CheckedFinding, Health
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import format_option
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.health import health_lines


@click.command("doctor", cls=Command)
@format_option("text", "json", text="How to print it.")
@click.pass_obj
async def doctor(context: CommandContext, output_format: str) -> int:
    """Check that everything is in place, and say what to do where it is not.

    Exit code 1 when something does not work; a warning is none of that.

    \b
    Example:
      atmos-ai doctor --format json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    findings = await context.services.examine_run(context.run, context.options)
    if output_format == "json":
        context.writer.line(json.dumps([_values(item) for item in findings], ensure_ascii=False, indent=2))
    else:
        for line in health_lines(findings, context.writer.out):
            context.writer.line(line)
    is_broken = any(item.finding.health is Health.FAILED for item in findings)
    return exit_codes.ERROR if is_broken else exit_codes.DONE


def _values(item: CheckedFinding) -> dict[str, str]:
    found = item.finding
    return {"check": item.check, "health": found.health, "detail": found.detail, "remedy": found.remedy}
