"""Which of the plain answers are still true when the project has a fault that was recorded only in part."""

from __future__ import annotations

TYPE_CHECKING = False  # see command_line.py
if TYPE_CHECKING:
    from .command_line import Request

BROKEN_STACKS = frozenset(("broken-yaml", "missing-import", "wrong-type"))
"""No stack can be read at all: only what does not read stacks stays true."""

CHANGED_VALUES = {
    "bad-cidr": ("vpc", "ue1-dev"),
    "single-az-database": ("database", "ue1-prod"),
    "affected": ("storefront", "ue1-prod"),
}
"""One component has other values in one stack: what shows those values is no longer true."""

SCENARIOS = (*CHANGED_VALUES, *sorted(BROKEN_STACKS), "terraform-error", "no-project")


def stays_true(request: Request, scenario: str) -> bool:
    """Say whether Atmos would answer `request` in `scenario` exactly as it does without the fault."""
    if request.words == ("version",):
        return True
    if scenario == "no-project" or request.words[:2] == ("describe", "affected"):
        return False
    if request.words[:2] == ("describe", "config"):
        return True
    if scenario in BROKEN_STACKS:
        return False
    if scenario == "terraform-error":  # a duplicate variable in the code of `vpc`, whatever the stack
        return request.words[0] != "terraform" or request.component != "vpc"
    component, stack = CHANGED_VALUES[scenario]
    return not _shows(request, component, stack)


def _shows(request: Request, component: str, stack: str) -> bool:
    if request.words[0] == "list" or request.words[:2] == ("describe", "dependents"):
        return False  # names only, and no name changes
    if request.stack not in ("", stack):
        return False
    if request.words[:2] == ("describe", "stacks"):
        return component in request.flags.get("--components", component).split(",")
    if request.flags.get("--format") == "yaml":
        return True  # shows line numbers, which may have moved for every component of the file
    return request.component in ("", component)
