"""The recorded answers of the command line."""

# ruff: noqa: PTH100, PTH118, PTH120, PTH123
# pathlib would add a third to the start-up time.

from __future__ import annotations

import json
import os

from .command_line import Request, parse
from .scenarios import stays_true

TYPE_CHECKING = False  # see command_line.py
if TYPE_CHECKING:
    from collections.abc import Iterable

DEMO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CLI_RECORDINGS = os.path.join(DEMO, "recordings", "cli.jsonl")
MCP_RECORDINGS = os.path.join(DEMO, "recordings", "mcp.json")


class Answer:
    """What Atmos wrote and returned; `{project}` in the texts stands for the project's directory."""

    __slots__ = ("exit_code", "request", "scenario", "stderr", "stdout")

    def __init__(self, line: str) -> None:
        row = json.loads(line)
        self.request: Request = parse(row["argv"])
        self.scenario: str = row["scenario"] or ""
        self.stdout: str = row["stdout"]
        self.stderr: str = row["stderr"]
        self.exit_code: int = row["exit_code"]


def load(path: str = CLI_RECORDINGS) -> list[Answer]:
    """Read every recording, in the order they were made."""
    with open(path, encoding="utf-8") as lines:
        return [Answer(line) for line in lines]


def find(request: Request, scenario: str, answers: Iterable[Answer]) -> Answer | None:
    """Return the recorded answer that is true for `request` in `scenario` ("" = the demo project as it is).

    The recordings of the scenario win; a plain one stands in only where the fault cannot have changed it.
    `describe affected` needs a git repository with a second branch, so it was recorded in the scenario
    `affected` alone: a branch that changes the storefront of ue1-prod. No plain recording contradicts that
    answer, so without a scenario the demo project is taken for the working tree of that branch.
    """
    key = request.key
    same = [answer for answer in answers if answer.request.key == key]
    accepted = [scenario]
    if not scenario and request.words[:2] == ("describe", "affected"):
        accepted.append("affected")
    if scenario and stays_true(request, scenario):
        accepted.append("")
    for name in accepted:
        for answer in same:
            if answer.scenario == name:
                return answer
    return None
