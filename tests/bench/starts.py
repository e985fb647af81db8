"""Rows 1, 2, 3, 13 and 16: how long people and scripts wait before something happens, cold and warm."""

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench.place import SHIM, WRAPPER, Place, repeat, timed
from tests.bench.table import Row, row
from tests.e2e.screen import Screen
from tests.sidecar_process import sidecar_process

_MEGABYTE = 1_000_000
_PLAIN_COMPOSER = """
from prompt_toolkit import PromptSession
PromptSession().prompt("ready> ")
"""


def handshake_rows(place: Place) -> list[Row]:
    """Row 1: from spawn to the handshake line."""

    def start() -> float:
        begin = time.perf_counter()
        with sidecar_process(directory=place.project, environment=place.environment):
            return (time.perf_counter() - begin) * 1000

    samples = repeat(15, start)
    bare = repeat(9, lambda: _run(place, [sys.executable, "-I", "-c", "import grpc.aio"]))
    return [
        row("1", "spawn to handshake line, p50", samples, 350, unit="ms"),
        row("1", "spawn to handshake line, p95", samples, 700, unit="ms", share=0.95),
        row("1", "  python + grpc.aio import alone", bare, None, unit="ms"),
    ]


def chat_rows(place: Place) -> list[Row]:
    """Row 2: from the shim's start to the composer on the screen."""
    cold = repeat(9, lambda: _until_drawn(place, [SHIM, "chat"], "Enter sends|/help"))
    plain = repeat(7, lambda: _until_drawn(place, [sys.executable, "-I", "-c", _PLAIN_COMPOSER], "ready>"))
    with _warm(place) as environment:
        warm = repeat(9, lambda: _until_drawn(place, [SHIM, "chat"], "Enter sends|/help", environment))
    rows = [
        row("2", "shim start to chat composer, cold", cold, 600, unit="ms"),
        row("2", "shim start to chat composer, warm", warm, 100, unit="ms"),
        row("2", "  a plain prompt_toolkit prompt in a fresh Python", plain, None, unit="ms"),
    ]
    if place.real_atmos:
        # What it draws is not known here; the first letters are counted, which is in its favour. It asks most terminals
        # for their colours and waits for the answer, which ours does not give; it does not ask a screen.
        quiet = place.with_environment(TERM="screen-256color")
        theirs = repeat(5, lambda: _until_drawn(place, [place.real_atmos, "ai", "chat"], r"\S", quiet))
        rows.append(row("2", "  atmos ai chat, first letters", theirs, None, unit="ms"))
    return rows


def exec_rows(place: Place) -> list[Row]:
    """Row 3: one `exec` with a model that answers at once."""
    command: Sequence[str | Path] = [SHIM, "exec", "hello"]
    cold = repeat(9, lambda: _run(place, command))
    with _warm(place) as environment:
        warm = repeat(15, lambda: _run(place, command, environment))
    sdk = repeat(5, lambda: _run(place, [sys.executable, "-I", "-c", "import anthropic"]))
    rows = [
        row("3", 'exec "hello", zero-latency model, cold', cold, 1100, unit="ms"),
        row("3", 'exec "hello", zero-latency model, warm', warm, 150, unit="ms"),
        row("3", "  a fresh Python that imports the model SDK alone", sdk, None, unit="ms"),
    ]
    if place.real_atmos:
        command = [place.real_atmos, "ai", "exec", "hello"]
        theirs = repeat(5, lambda: _run(place, command, must_succeed=False))
        rows.append(row("3", f"  atmos ai exec, same server{_failure(place, command)}", theirs, None, unit="ms"))
    return rows


def program_rows(place: Place) -> list[Row]:
    """Rows 13 and 16: the wrapper in front of another command, and the shim by itself."""
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        for directory, program in ((first, WRAPPER), (second, Path(shutil.which("true") or "/bin/true"))):
            directory.mkdir()
            shutil.copy(program, directory / "atmos")
        environment = place.with_environment(PATH=f"{first}:{second}")
        command = ["atmos", "describe", "stacks"]
        wrapped = [_run(place, [str(first / "atmos"), *command[1:]], environment) for _ in range(60)]
        alone = [_run(place, [str(second / "atmos"), *command[1:]], environment) for _ in range(60)]
    extra = [with_it - without for with_it, without in zip(wrapped, alone, strict=True)]
    return [
        row("13", "PATH wrapper in front of an unrelated command", extra, 5, unit="ms"),
        row("13", "  the same command without it", alone, None, unit="ms"),
        row("16", "size of the shim", [SHIM.stat().st_size / _MEGABYTE], 20, unit="MB"),
        row("16", "start of the shim without a sidecar (version)", repeat(30, lambda: _version(place)), 15, unit="ms"),
    ]


def _failure(place: Place, command: Sequence[str | Path]) -> str:
    """How a command fails, so that a quick failure is not taken for speed; empty when it does not."""
    environment = dict(place.environment)
    done = subprocess.run(
        command, check=False, cwd=place.project, env=environment, stdin=subprocess.DEVNULL, capture_output=True
    )
    return f" (exit code {done.returncode})" if done.returncode else ""


def _version(place: Place) -> float:
    return _run(place, [SHIM, "version"])


def _run(
    place: Place,
    command: Sequence[str | Path],
    environment: Mapping[str, str] | None = None,
    *,
    must_succeed: bool = True,
) -> float:
    def run() -> None:
        subprocess.run(
            command,
            cwd=place.project,
            env=dict(environment or place.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=must_succeed,
        )

    return timed(run)


def _until_drawn(
    place: Place, command: Sequence[str | Path], pattern: str, environment: Mapping[str, str] | None = None
) -> float:
    begin = time.perf_counter()
    with Screen(command, environment=environment or place.environment, directory=place.project) as screen:
        screen.wait_for(pattern)
        return (time.perf_counter() - begin) * 1000


@contextmanager
def _warm(place: Place) -> Iterator[Mapping[str, str]]:
    """The environment of somebody whose sidecar stays; it is ended afterwards."""
    environment = place.with_environment(ATMOS_AI_KEEP_WARM="5m")
    _run(place, [SHIM, "exec", "hello"], environment)
    try:
        yield environment
    finally:
        _run(place, [SHIM, "sidecar", "stop"], environment, must_succeed=False)
