"""Finds what is known about a program by the word that starts it."""

import posixpath
import re
from collections.abc import Sequence

from atmos_ai_sidecar.domain.commands.specs import Spec, only
from atmos_ai_sidecar.domain.commands.tables import PROGRAMS
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_FOLDERS = frozenset(
    {"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"}
)
_NAME = re.compile(r"[A-Za-z0-9_.+\[:-]+", re.ASCII)
_VERSIONED = re.compile(r"([a-z]+)-?\d+(?:\.\d+)*")
_UNKNOWN = only(CommandClass.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    name: str
    """Without its folder and in lower case; empty when it cannot be known."""
    spec: Spec
    doubts: Sequence[str] = ()
    prints_version: bool = False
    """With ``--version`` alone it does nothing else."""


def find_program(word: str | None) -> Program:
    """What is known about the program that a word starts. Total."""
    if not word:
        return Program(name="", spec=_UNKNOWN, doubts=["a command whose name is not known before it runs"])
    folder, base = posixpath.split(word)
    name = base.lower()
    doubts = []
    if folder and folder not in _FOLDERS:
        doubts.append("a program outside of the system's folders")
    if _NAME.fullmatch(base) is None:
        doubts.append("a command name with unusual characters")
    elif name != base:
        doubts.append("a command name that is not written in lower case")
    versioned = _VERSIONED.fullmatch(name)
    if name not in PROGRAMS and versioned is not None and versioned[1] in PROGRAMS:
        name = versioned[1]
    spec = PROGRAMS.get(name, _UNKNOWN)
    prints_version = spec.command_class not in {CommandClass.UNKNOWN, CommandClass.DESTROY}
    return Program(name=name, spec=spec, doubts=doubts, prints_version=prints_version)


def is_known(program: str) -> bool:
    """Whether there is a table for a program."""
    return program in PROGRAMS


def is_subcommand(program: str, words: Sequence[str]) -> bool:
    """Whether the table of a program knows the first word as a subcommand. No word is none."""
    return any(word in PROGRAMS[program].subcommands for word in words[:1])
