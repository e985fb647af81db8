"""The lines of a permission question in rows that fit."""

from collections.abc import Sequence
from typing import Final

from atmos_ai_sidecar.domain.questions import compact
from atmos_ai_sidecar.terminal.render.cards import folded

NARROW_COLUMNS: Final = 60
"""On a screen that is narrower, labels have no column of their own."""


def question_rows(lines: Sequence[str], columns: int) -> list[str]:
    """The rows. Nothing of a value starts in the first column, whatever the width."""
    if columns < NARROW_COLUMNS:
        return [row for line in compact(lines) for row in folded(line, columns, then=" > ")]
    return [row for line in lines for row in folded(line, columns, then=" > ")]
