import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = """
import asyncio, os, sys
from atmos_ai_sidecar.adapters.console import *
from atmos_ai_sidecar.application.ports.console import TerminalMode
RAW, COOKED = TerminalMode.RAW, TerminalMode.COOKED
async def command(console):
{body}
reserve_standard_streams()
sys.exit(asyncio.run(run_on_local_console(command)))
"""


def program(body: str) -> list[str]:
    """A Python program that runs ``body`` as a command on its own console."""
    return [sys.executable, "-c", PROGRAM.format(body=textwrap.indent(textwrap.dedent(body), "    "))]


Spawn = Callable[[str], "pexpect.spawn[str]"]


@pytest.fixture
def on_terminal() -> Iterator[Spawn]:
    """Starts a command on a real pseudo-terminal of its own."""
    children: list[pexpect.spawn[str]] = []

    def spawn(body: str) -> "pexpect.spawn[str]":
        command = program(body)
        child = pexpect.spawn(
            command[0], command[1:], cwd=str(ROOT), timeout=5, encoding="utf-8", dimensions=(20, 70), echo=True
        )
        child.delaybeforesend = None
        children.append(child)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


@pytest.fixture
def piped() -> Callable[..., "subprocess.CompletedProcess[bytes]"]:
    """Runs a command with redirected streams and no terminal."""

    def run(body: str, **options: object) -> "subprocess.CompletedProcess[bytes]":
        given = {"capture_output": True, **options}
        return subprocess.run(program(body), cwd=ROOT, timeout=10, check=False, start_new_session=True, **given)  # type: ignore[call-overload,no-any-return]

    return run
