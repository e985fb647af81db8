"""The ways in which rules may name a command, and what it says about stack and component.

A rule that denies has to find the command behind its options, through Atmos, and under its other names; so there are
more spellings than one. A rule that allows gets the words as they are.
"""

from collections.abc import Sequence

from atmos_ai_sidecar.domain.commands.assessment import SimpleCommand
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

Words = Sequence[str | None]

_MAX_STARTS = 40
"""So many words may stand before the subcommand of a command that the tables do not know."""
_PROGRAMS_OF_ATMOS = {"tf": "terraform", "hf": "helmfile", "pk": "packer"}
_RUN_BY_ATMOS = frozenset({"terraform", "helmfile", "packer"})
_SAME_PROGRAM = {"tofu": "terraform"}
_SAME_SUBCOMMAND = {"deploy": "apply"}
"""What Atmos calls an apply that does not ask."""

_STACKLESS = frozenset({"about", "auth", "completion", "docs", "help", "support", "theme", "profile", "version"})
"""Subcommands of Atmos that are about no stack."""
_STACK_PROGRAMS = _RUN_BY_ATMOS | {"tofu", "ansible-playbook", "terragrunt"}
_STACKLESS_OF_TERRAFORM = frozenset({"fmt", "get", "validate", "version"})
_PATTERN_SIGNS = frozenset("*?[]{},")
_CANNOT_BE_TOLD = frozenset({CommandClass.CODE_EXECUTION, CommandClass.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a call says about one thing, such as its stack."""

    values: Sequence[str] = ()
    is_open: bool = False
    """It may be about more than these, or about others."""


NOTHING = Said()


def spellings(command: SimpleCommand) -> Sequence[Words]:
    """The words of a command in every order and under every name that a rule may have it, as it is written first."""
    words = (command.program or None, *command.argv[1:])
    found = [words, *_sorted(command)]
    found += [other for form in found for other in _renamed(form)]
    return tuple(dict.fromkeys(found))


def stacks_of(command: SimpleCommand) -> Said:
    """The stacks that a command names; open when it may be about others."""
    if command.program != "atmos":
        is_about_stacks = _STACKLESS_OF_TERRAFORM.isdisjoint(command.subcommands[:1])
        runs_anything = command.command_class in _CANNOT_BE_TOLD
        runs_anything = runs_anything or (command.program in _STACK_PROGRAMS and is_about_stacks)
        return Said(is_open=runs_anything and command.command_class is not CommandClass.READ)
    values = _option_values(command.argv[1:], "-s", "--stack")
    known = tuple(value for value in values if value is not None)
    is_about_stacks = command.subcommands[:1] == () or command.subcommands[0] not in _STACKLESS
    is_open = None in command.argv or any(map(_is_no_name, known)) or len(known) < len(values)
    return Said(values=known, is_open=is_open or (not known and is_about_stacks))


def components_of(command: SimpleCommand) -> Said:
    """The components that a command may name: too many rather than too few; open when it may be about others."""
    of_stacks = stacks_of(command)
    if command.program != "atmos":
        return Said(is_open=of_stacks.is_open)
    known = tuple(word for word in command.operands if word)
    is_open = None in command.argv or any(_is_folder(word) or _is_pattern(word) for word in known)
    return Said(values=known, is_open=is_open or (not known and bool(of_stacks.values or of_stacks.is_open)))


def named(value: object) -> Said:
    """What a parameter says that names a stack or a component; open when it is not given."""
    if not isinstance(value, str) or not value:
        return Said(is_open=True)
    return Said(values=(value,), is_open=_is_no_name(value) or _is_folder(value))


def _sorted(command: SimpleCommand) -> Sequence[Words]:
    """Program and subcommands first, then the rest, with and without options.

    Where an unknown option may have a value, any of the words behind it may be the subcommand.
    """
    program, rest = command.program or None, list(command.argv[1:])
    plain = [word for word in rest if word is None or not word.startswith("-")]
    starts = min(len(plain), _MAX_STARTS) if command.command_class is CommandClass.UNKNOWN else 1
    found: list[Words] = [(program, *plain[start:]) for start in range(starts)]
    if command.subcommands and set(command.subcommands) <= set(rest):
        for word in command.subcommands:
            rest.remove(word)
        found.append((program, *command.subcommands, *rest))
        found.append((program, *command.subcommands, *(word for word in rest if word in plain)))
    return found


def _renamed(words: Words) -> Sequence[Words]:
    """The same command under the names of what really runs."""
    program, *rest = words
    if program == "atmos" and rest:
        first = _PROGRAMS_OF_ATMOS.get(rest[0] or "", rest[0])
        if first in _RUN_BY_ATMOS:
            subcommand = [_SAME_SUBCOMMAND.get(word or "", word) for word in rest[1:2]]
            forms: list[Words] = [("atmos", first, *rest[1:]), (first, *rest[1:]), (first, *subcommand, *rest[2:])]
            return [*forms, ("atmos", *forms[-1])]
    if program in _SAME_PROGRAM:
        return [(_SAME_PROGRAM[program], *rest)]
    return []


def _option_values(words: Words, short: str, long: str) -> Words:
    """The values of an option, wherever it stands and however it is joined with its value; None for an unknown one."""
    found: list[str | None] = []
    for index, word in enumerate(words):
        if word in {short, long}:
            found.append(words[index + 1] if index + 1 < len(words) else None)
        elif word is not None and word.startswith(f"{long}="):
            found.append(word.removeprefix(f"{long}="))
        elif word is not None and word.startswith(short) and not word.startswith("--"):
            found.append(word.removeprefix(short).removeprefix("="))
    return found


def _is_no_name(stack: str) -> bool:
    """Whether a stack is named by its file or by a pattern, so that its name is not known."""
    return "/" in stack or stack.endswith((".yaml", ".yml")) or _is_pattern(stack)


def _is_pattern(name: str) -> bool:
    """Whether Atmos may take it for more than one name."""
    return not _PATTERN_SIGNS.isdisjoint(name)


def _is_folder(component: str) -> bool:
    """Whether a component is named by its folder, so that its name is not known."""
    return component.startswith((".", "/", "~"))
