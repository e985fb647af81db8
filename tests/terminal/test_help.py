"""Every command says with its help how it is typed."""

import re
from collections.abc import Iterator

import click
import pytest

from atmos_ai_sidecar.terminal.argv import normalised
from atmos_ai_sidecar.terminal.main import root


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, below in sorted(command.commands.items()):
            yield from commands(below, f"{path} {name}")


ALL = dict(commands(root, "atmos-ai"))


@pytest.mark.parametrize("path", ALL)
def test_help_has_an_example_of_commands_that_are_there(path: str) -> None:
    _, _, examples = (ALL[path].help or "").partition("Example")
    lines = re.findall(r"\batmos-ai ([^|<>\n]*)", examples)
    assert lines
    for line in lines:
        words = " ".join(("atmos-ai", *normalised(line.split(), {}).arguments))
        assert words.startswith(path), line
