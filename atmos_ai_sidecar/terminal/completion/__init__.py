"""Static completion scripts, made from the command tree."""

from collections.abc import Callable, Mapping

import click

from atmos_ai_sidecar.terminal.completion import bash, fish, zsh

SCRIPTS: Mapping[str, Callable[[click.Command, str], str]] = {
    "bash": bash.script,
    "fish": fish.script,
    "zsh": zsh.script,
}
"""A function per shell that makes the script for a command tree and the program's name."""

__all__ = ["SCRIPTS"]
