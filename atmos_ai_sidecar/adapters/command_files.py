"""What is to be said about the files that a command line may name."""

import os
from collections.abc import Sequence

from atmos_ai_sidecar.domain.commands import Assessment, SimpleCommand, paths_of
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_PATHS = 1000
"""More words than these are not looked up one by one."""

_READING = frozenset({CommandClass.READ, CommandClass.PLAN, CommandClass.SECRET_READ})
_RECORDING = frozenset({"add", "commit"})
"""Subcommands of git that name files and leave them as they are."""
_DEVICES = frozenset({"/dev/null", "/dev/zero", "/dev/stdin", "/dev/stdout", "/dev/stderr"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """Why the files of a command line are not for it to use as it likes; both empty when nothing speaks against it."""

    forbidden: str = ""
    must_ask: str = ""
    paths: Sequence[str] = ()
    """What the words lead to, as ``Demand.paths`` has it."""
    folders: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    word: str
    path: str
    """Where it leads, links followed."""
    is_changed: bool
    """Whether what names it may change it."""


def objection_to(assessment: Assessment, directory: str, territory: Territory) -> Objection:
    """The strictest objection to any word that may name a file, links followed.

    Args:
        assessment: What the command line would do.
        directory: Where it runs; absolute.
        territory: What belongs to the project.
    """
    if len(assessment.paths) > MAX_PATHS:
        return Objection(forbidden="the command names more files than can be looked at; split it")
    changed = _changed_words(assessment)
    files, odd = [], ""
    for word in assessment.paths:
        if word in _DEVICES:
            continue
        path = _resolved(directory, word)
        if path:
            files.append(_File(word=word, path=path, is_changed=word in changed))
        else:
            odd = odd or f"{word!r} is no name that a file can have"
    shown = {file.path: territory.shown(file.path) for file in files}
    return Objection(
        forbidden=next(filter(None, (_why_forbidden(file, territory) for file in files)), ""),
        must_ask=odd or next(filter(None, (_why_asked(file, territory) for file in files)), ""),
        paths=tuple(shown.values()),
        folders=tuple(name for path, name in shown.items() if os.path.isdir(path)),  # noqa: PTH112 - a resolved name
    )


def _changed_words(assessment: Assessment) -> frozenset[str]:
    """The words that name files for something that may change them."""
    if assessment.command_class in _READING:
        return frozenset()
    # A change of the folder matters to those behind it, so it stays among them.
    changing = [command.argv for command in assessment.commands if command.program == "cd" or _changes(command)]
    return frozenset(paths_of(changing, assessment.redirects))


def _changes(command: SimpleCommand) -> bool:
    if command.program == "git" and command.subcommands[:1] and command.subcommands[0] in _RECORDING:
        return False
    return command.command_class not in _READING


def _resolved(directory: str, word: str) -> str:
    if word.startswith("~"):
        word = os.path.expanduser(word)  # noqa: PTH111 - pathlib raises for an unknown user
    try:
        return os.path.realpath(os.path.join(directory, word))  # noqa: PTH118 - a name as a program sees it
    except ValueError:
        return ""


def _why_forbidden(file: _File, territory: Territory) -> str:
    why = territory.why_not_read(file.path)
    if file.is_changed and not why:
        if territory.is_configuration(file.path):
            why = "it configures Atmos, and what a command does to it cannot be checked; use file_edit"
        elif territory.is_inside(file.path):
            why = territory.why_not_written(file.path)
    return f"{file.word!r} is not for commands: {why}" if why else ""


def _why_asked(file: _File, territory: Territory) -> str:
    why = territory.why_asked(file.path, writes=file.is_changed)
    return f"about {file.word!r}: {why}" if why else ""
