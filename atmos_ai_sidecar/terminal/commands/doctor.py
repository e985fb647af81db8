import json
from collections.abc import Sequence

import click

from atmos_ai_sidecar.application.doctor import CheckedFinding, Health
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.render.palette import Palette, visible


@click.command("doctor", cls=Command)
@click.option(
    "-f",
    "--format",
    "output_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to print it.",
)
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
        for line in doctor_lines(findings, context.writer.out):
            context.writer.line(line)
    is_broken = any(item.finding.health is Health.FAILED for item in findings)
    return exit_codes.ERROR if is_broken else exit_codes.DONE


def doctor_lines(findings: Sequence[CheckedFinding], palette: Palette) -> Sequence[str]:
    """A line for each check, and one below it where there is something to do."""
    width = max((len(item.check) for item in findings), default=0)
    marks = {
        Health.OK: palette.green("✓"),
        Health.WARNING: palette.yellow("!"),
        Health.FAILED: palette.red("✗"),
        Health.SKIPPED: palette.dim("-"),
    }
    lines = []
    for item in findings:
        lines.append(f"{marks[item.finding.health]} {item.check.ljust(width)}  {visible(item.finding.detail)}")
        if item.finding.remedy:
            lines.append(f"  {' ' * width}  {visible(item.finding.remedy)}")
    return lines


def _values(item: CheckedFinding) -> dict[str, str]:
    found = item.finding
    return {"check": item.check, "health": found.health, "detail": found.detail, "remedy": found.remedy}
