"""What was examined, in lines."""

from collections.abc import Sequence

from atmos_ai_sidecar.application.doctor import CheckedFinding, Health
from atmos_ai_sidecar.terminal.render.palette import Palette, visible


def health_lines(findings: Sequence[CheckedFinding], palette: Palette) -> Sequence[str]:
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
