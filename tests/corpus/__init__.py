"""Material for tests that is data."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from atmos_ai_sidecar.domain.tools import CommandClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A command line, and what has to be thought of it when only reading and planning is allowed."""

    command: str
    command_class: CommandClass
    is_allowed: bool
    why: str
    may_run: bool
    """Whether a real bash may run it among stand-ins: not when it names programs by path or has no end."""


def read_commands() -> Sequence[Row]:
    lines = (Path(__file__).parent / "commands.jsonl").read_text("utf-8").splitlines()
    return [
        Row(
            command=row["command"],
            command_class=CommandClass(row["class"]),
            is_allowed=row["decision"] == "allow",
            why=row["why"],
            may_run=row.get("real", True),
        )
        for row in map(json.loads, lines)
    ]
