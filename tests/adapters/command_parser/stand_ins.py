"""Runs command lines in a real bash whose programs are stand-ins that only write down how they were started."""

import os
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

BASH = Path("/bin/bash") if Path("/bin/bash").exists() else Path("/usr/bin/bash")
REAL = ("bash", "env", "find", "nice", "nohup", "setsid", "sh", "stdbuf", "timeout", "xargs")
"""Programs that start others. They have to be the real ones, and find only stand-ins themselves."""

# One write for each start, so that programs of a pipeline do not mix their lines.
_STAND_IN = """#!/bin/sh
printf '%s\\036' "$(printf '%s\\037' "${0##*/}" "$@"; printf .)" >>"$STARTED"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    started: Sequence[Sequence[str]]
    """Names and arguments of the stand-ins that ran."""
    files: Sequence[str]
    """Files that came into being."""


class StandIns:
    """A folder of stand-ins, and bash with nothing else on its PATH."""

    HOME = "/nonexistent-home"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._programs = folder / "programs"
        self._programs.mkdir()
        (self._programs / ".stand-in").write_text(_STAND_IN)
        (self._programs / ".stand-in").chmod(0o755)
        for name in REAL:
            (self._programs / name).symlink_to(BASH if name == "bash" else f"/usr/bin/{name}")

    def add(self, names: Iterable[str]) -> None:
        for name in names:
            path = self._programs / name
            if name not in {"", "."} and "/" not in name and not path.is_symlink():
                path.symlink_to(".stand-in")

    def run(self, text: str) -> Outcome:
        """Runs a command line, and waits until it and all its children have closed their output."""
        with tempfile.TemporaryDirectory(dir=self._folder) as run:
            started, outer = Path(run, "started"), Path(run, "outer")
            directory = outer / "inner"
            directory.mkdir(parents=True)
            started.touch()
            subprocess.run(
                [BASH, "-c", text],
                env={"PATH": str(self._programs), "STARTED": str(started), "HOME": self.HOME, "LC_ALL": "C.UTF-8"},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=5,
                check=False,
            )
            lines = started.read_bytes().decode(errors="replace").split("\036")[:-1]
            files = [os.path.relpath(path, outer) for path in outer.rglob("*") if path != directory]
        return Outcome(started=[line.split("\037")[:-1] for line in lines], files=files)
