"""Parses command lines of `atmos-ai` as the program does, and runs nothing."""

import shlex
from collections.abc import Iterator
from types import SimpleNamespace

import click

from atmos_ai_sidecar.terminal.argv import normalised
from atmos_ai_sidecar.terminal.main import PROGRAM, root

Names = tuple[str, ...]
_ENDS = ("|", ">", ">>", "<", "2>", "&&", "||", ";", "&")


def words_of(line: str) -> list[list[str]]:
    """The arguments of every call of our program in a line of shell, redirections and pipes left out."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|<>&;")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    calls: list[list[str]] = []
    is_ours = False
    for word in lexer:
        if word in _ENDS:
            is_ours = False
        elif word == PROGRAM and not is_ours:
            is_ours = True
            calls.append([])
        elif is_ours:
            calls[-1].append(word)
    return calls


def check(arguments: list[str]) -> None:
    """Parses one command line down to its last command.

    Raises:
        click.ClickException: The program would refuse it.
    """
    line = normalised(arguments, {})
    command: click.Command = root
    context = root.make_context(PROGRAM, [*line.arguments], obj=SimpleNamespace(environment={}), help_option_names=[])
    while isinstance(command, click.Group) and context._protected_args:
        name, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command, context = found, found.make_context(name, rest, parent=context)


def leaves(command: click.Command = root, path: Names = ()) -> Iterator[tuple[Names, click.Command]]:
    """Every command that is no group, with the names that lead to it; hidden ones are left out."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for name, child in command.commands.items():
        if not child.hidden:
            yield from leaves(child, (*path, name))
