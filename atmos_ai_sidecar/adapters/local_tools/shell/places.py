"""What is to be said about the files that a command line may name."""

import os
from dataclasses import dataclass

from atmos_ai_sidecar.domain.commands import Assessment
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import CommandClass

MAX_PATHS = 1000
"""More words than these are not looked up one by one."""

_READING = frozenset({CommandClass.READ, CommandClass.PLAN, CommandClass.SECRET_READ})
_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/stdin", "/dev/stdout", "/dev/stderr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why the files of a command line are not for it to use as it likes; both empty when nothing speaks against it."""

    forbidden: str = ""
    must_ask: str = ""


def objection_to(assessment: Assessment, directory: str, territory: Territory) -> Objection:
    """The strictest objection to any word that may name a file, links followed.

    Args:
        assessment: What the command line would do.
        directory: Where it runs; absolute.
        territory: What belongs to the project.
    """
    if len(assessment.paths) > MAX_PATHS:
        return Objection(forbidden="the command names more files than can be looked at; split it")
    found = [_objection(path, assessment, directory, territory) for path in assessment.paths if path not in _DEVICES]
    return Objection(
        forbidden=next((each.forbidden for each in found if each.forbidden), ""),
        must_ask=next((each.must_ask for each in found if each.must_ask), ""),
    )


def _objection(path: str, assessment: Assessment, directory: str, territory: Territory) -> Objection:
    writes = assessment.command_class not in _READING
    if path.startswith("~"):
        path = os.path.expanduser(path)  # noqa: PTH111 - pathlib raises for an unknown user
    try:
        resolved = os.path.realpath(os.path.join(directory, path))  # noqa: PTH118 - a name as a program sees it
    except ValueError:
        return Objection(must_ask=f"{path!r} is no name that a file can have")
    forbidden = territory.why_not_read(resolved)
    if writes and territory.is_inside(resolved):
        forbidden = forbidden or territory.why_not_written(resolved)
    asked = territory.why_asked(resolved, writes=writes)
    return Objection(
        forbidden=f"{path!r} is not for commands: {forbidden}" if forbidden else "",
        must_ask=f"about {path!r}: {asked}" if asked else "",
    )
