"""What is known about a program: the form of the tables.

A command counts as read or plan only when every option of it is on the list for that command. What is not on a list
(also an abbreviation of a long option) makes the command's class unknown, which asks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field

from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_ORDER = (
    CommandClass.READ,
    CommandClass.PLAN,
    CommandClass.MUTATE,
    CommandClass.SECRET_READ,
    CommandClass.CODE_EXECUTION,
    CommandClass.UNKNOWN,
    CommandClass.STATE,
    CommandClass.DESTROY,
)
_RANKS = {command_class: rank for rank, command_class in enumerate(_ORDER)}


def strictest(classes: Iterable[CommandClass]) -> CommandClass:
    """The class of the whole when these are the classes of its parts; read when there is no part."""
    return max(classes, key=_RANKS.__getitem__, default=CommandClass.READ)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    takes: str = ""
    """Empty: no value; ``:`` a value, attached or the next word; ``?`` a value only when it is attached."""
    command_class: CommandClass = CommandClass.READ
    """The command's class with this option is at least this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """The arguments of a command, sorted by the options that are known for it."""

    operands: Sequence[str]
    values: Sequence[tuple[str, str]]
    """Names and values of the options that came with one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a program, or a subcommand of it, does with which arguments."""

    command_class: CommandClass
    """Its class with harmless arguments."""
    options: Mapping[str, Option] = field(default_factory=dict)
    """By their name as it is written, with dashes; ``-#`` stands for a number, as in ``head -5``. A name may hold a
    value (``-write=false``), and goes before the name without."""
    is_open: bool = False
    """Options that are not listed are accepted. Only where the listed ones are all that could make it worse."""
    is_free: bool = False
    """Arguments do not matter at all, not even unknown ones."""
    subcommands: Mapping[str, "Spec"] = field(default_factory=dict)
    """By the first operand, also as fnmatch patterns, the first match wins."""
    other: "Spec | None" = None
    """For operands that are no listed subcommand; None: that is unknown."""
    has_groups: bool = False
    """Operands that are no listed subcommand are groups of subcommands, and the next operand is looked up."""
    is_persistent: bool = False
    """Its options may also follow a subcommand."""
    has_clusters: bool = True
    """One dash starts several short options (``-la``); otherwise a word (``-name``), with one dash or two."""
    operand_classes: Sequence[tuple[str, CommandClass]] = ()
    """fnmatch patterns for operands and their parts around ``,`` and ``/``, in lower case; the first match counts."""
    max_operands: int | None = None
    """More than these are a file to write, or a value to set."""
    needs: Sequence[frozenset[str]] = ()
    """Of each group one option must be there; otherwise the class is ``otherwise``."""
    otherwise: CommandClass = CommandClass.UNKNOWN
    judge: Callable[[Arguments], CommandClass] | None = None
    """Reads what no table can: scripts in arguments."""
    runs_after_dashes: bool = False
    """The words after ``--`` are a command of their own."""
    goes_on_after_dashes: bool = False
    """Options go on after ``--``: they are for the program that this one calls."""

    def subcommand(self, word: str) -> "Spec | None":
        """What is known about a subcommand; itself when the word is only a group."""
        if (exact := self.subcommands.get(word)) is not None:
            return exact
        for pattern, spec in self.subcommands.items():
            if matches(word, pattern):
                return spec
        return self if self.has_groups else self.other


def matches(word: str, pattern: str) -> bool:
    """Whether a word matches a pattern with ``*`` at its start or end, or both."""
    text = pattern.strip("*")
    if text == pattern:
        return word == text
    if pattern.startswith("*"):
        return text in word if pattern.endswith("*") else word.endswith(text)
    return word.startswith(text)


def options(text: str, command_class: CommandClass = CommandClass.READ) -> dict[str, Option]:
    """Options from a line like ``-l -n: --color? --file:``."""
    return {
        name.rstrip(":?"): Option(takes=name[len(name.rstrip(":?")) :], command_class=command_class)
        for name in text.split()
    }


def same(names: str, spec: Spec) -> dict[str, Spec]:
    """The same for each of the names, which are separated by blanks."""
    return dict.fromkeys(names.split(), spec)


def only(command_class: CommandClass) -> Spec:
    """A command whose class no argument changes."""
    return Spec(command_class=command_class, is_open=True)
