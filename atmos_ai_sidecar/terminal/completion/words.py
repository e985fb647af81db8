"""What can follow where on a command line, taken from the command tree."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

import click

from atmos_ai_sidecar.lazy_dataclasses import dataclass

COMMON_FLAGS: Sequence[tuple[str, str, str]] = (
    ("--model", "NAME", "Use this model"),
    ("--provider", "NAME", "Use this provider"),
    ("--read-only", "", "Nothing may change anything"),
    ("--yolo", "", "Nothing asks for permission"),
    ("--trust-project", "", "Trust this project for this run"),
    ("--plain", "", "No cursor movement, for screen readers"),
    ("--no-color", "", "No colours"),
    ("--debug", "", "Say more about errors"),
    ("--chdir", "DIR", "Atmos: run in this folder"),
    ("--base-path", "DIR", "Atmos: the base path"),
    ("--config", "FILE", "Atmos: a configuration file"),
    ("--config-path", "DIR", "Atmos: a folder with configuration"),
    ("--profile", "NAME", "Atmos: a profile"),
    ("--identity", "NAME", "Atmos: an identity"),
)
"""Flags that may stand anywhere: name, what its value is (empty: it has none), help."""


class ValueKind(StrEnum):
    """What the word behind a flag is."""

    NONE = "none"
    """The flag takes no value."""
    CHOICE = "choice"
    FILE = "file"
    DIRECTORY = "directory"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    names: Sequence[str]
    help: str
    kind: ValueKind
    choices: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One command of the tree."""

    path: str
    """Its words, separated by spaces; empty for the program itself."""
    commands: Sequence[tuple[str, str]]
    """Name and help of each command below it."""
    choices: Sequence[str]
    """What its first argument may be, where that is a choice."""
    flags: Sequence[Flag]
    """Its own; what is common to all commands is in ``common_flags``."""


def places(command: click.Command, path: str = "") -> Iterator[Place]:
    """Every command of the tree, parents first."""
    below = command.commands if isinstance(command, click.Group) else {}
    shown = {name: child for name, child in sorted(below.items()) if not child.hidden}
    yield Place(
        path=path,
        commands=tuple((name, _first_line(child.help)) for name, child in shown.items()),
        choices=next(
            (tuple(p.type.choices) for p in command.params if _is_argument(p) and isinstance(p.type, click.Choice)), ()
        ),
        flags=tuple(
            _flag(option) for option in command.params if isinstance(option, click.Option) and _is_shown(option)
        ),
    )
    for name, child in shown.items():
        yield from places(child, f"{path} {name}".strip())


def common_flags() -> Sequence[Flag]:
    """Flags that may stand anywhere."""
    found = [
        Flag(names=(name,), help=text, kind=_KINDS.get(value, ValueKind.OTHER)) for name, value, text in COMMON_FLAGS
    ]
    return (*found, Flag(names=("--help",), help="Show help and stop.", kind=ValueKind.NONE))


def valued_flags(found: Iterable[Place]) -> Iterator[tuple[str | None, str, Flag]]:
    """Every flag behind which a value stands: the path of its command, None for a common one; its name; the flag."""
    own = ((place.path, flag) for place in found for flag in place.flags)
    everywhere = ((None, flag) for flag in common_flags())
    for path, flag in (*own, *everywhere):
        if flag.kind is not ValueKind.NONE:
            yield from ((path, name, flag) for name in flag.names)


def deeper(found: Iterable[Place]) -> Iterator[tuple[str, str]]:
    """Every step down the tree: what stands on the line, ``PATH NAME``, and the path that it leads to."""
    for place in found:
        yield from ((f"{place.path} {name}", f"{place.path} {name}".strip()) for name, _ in place.commands)


_KINDS = {"": ValueKind.NONE, "FILE": ValueKind.FILE, "DIR": ValueKind.DIRECTORY}


def _flag(option: click.Option) -> Flag:
    names, text = tuple(option.opts), _first_line(option.help)
    if option.is_flag or option.count:
        return Flag(names=names, help=text, kind=ValueKind.NONE)
    if isinstance(option.type, click.Choice):
        return Flag(names=names, help=text, kind=ValueKind.CHOICE, choices=tuple(option.type.choices))
    return Flag(names=names, help=text, kind=_KINDS.get(option.metavar or "?", ValueKind.OTHER))


def _is_argument(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Argument)


def _is_shown(option: click.Option) -> bool:
    return not option.hidden


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].rstrip(".")
