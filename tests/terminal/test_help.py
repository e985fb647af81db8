"""`--help` of every command shows examples, and every example is one that the program accepts."""

import inspect
import re

import click
import pytest

from atmos_ai_sidecar.errors import InvalidFieldError
from tests.command_lines import check, leaves, words_of

LEAVES = [(" ".join(path), command) for path, command in leaves()]
NAMES = [name for name, _ in LEAVES]


def examples(command: click.Command) -> list[str]:
    block = re.search(r"^Examples?:\n((?: {2}.*\n?)+)", inspect.cleandoc(command.help or ""), re.MULTILINE)
    return [line.strip() for line in block.group(1).splitlines()] if block else []


def test_tree_is_walked() -> None:
    assert {"chat", "sessions list", "permissions explain"} <= set(NAMES)


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=NAMES)
def test_help_has_an_example_of_the_command_itself(name: str, command: click.Command) -> None:
    assert any(f"atmos-ai {name}" in line for line in examples(command)), f"{name} has no example"


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=NAMES)
def test_every_example_is_accepted(name: str, command: click.Command) -> None:
    for line in examples(command):
        calls = words_of(line)
        assert calls, line
        for call in calls:
            check(call)


@pytest.mark.parametrize("line", ["atmos-ai sessions lst", "atmos-ai chat --sesion x", "atmos-ai exec --format no"])
def test_a_line_that_the_program_refuses_is_refused_here(line: str) -> None:
    with pytest.raises(click.ClickException):
        check(words_of(line)[0])


def test_an_error_and_what_to_do_are_two_sentences() -> None:
    ended = InvalidFieldError("name", "is missing.", remedy="Type one.")
    assert str(ended) == "name: is missing. Type one."
    assert str(InvalidFieldError("name", "is missing", remedy="Type one.")) == str(ended)
    assert str(InvalidFieldError("name", "is missing")) == "name: is missing"
