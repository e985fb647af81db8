"""Small tables of plain text, and ages in words."""

from collections.abc import Sequence
from datetime import datetime

from atmos_ai_sidecar.domain.questions import columns
from atmos_ai_sidecar.terminal.render.palette import Palette, visible

_UNITS = ((86_400 * 365, "year"), (86_400 * 30, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], palette: Palette) -> list[str]:
    """Lines of a table whose columns are as wide as their widest cell."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(columns(row[index]) for row in [list(head), *cells]) for index in range(len(head))]

    def line(row: Sequence[str]) -> str:
        return "  ".join(cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()

    return [palette.bold(line(head)), *(line(row) for row in cells)]


def age(now: datetime, then: datetime) -> str:
    """How long ago something was, in its largest unit."""
    seconds = (now - then).total_seconds()
    for size, name in _UNITS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''} ago"
    return "just now"
