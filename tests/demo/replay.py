"""Runs the replayed Atmos as a process, the way a tool would."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import atmos_ai_sidecar.demo

DEMO = Path(atmos_ai_sidecar.demo.__file__).parent
ATMOS = DEMO / "bin" / "atmos"


def environment(**additions: str) -> dict[str, str]:
    """An environment without anything of Atmos in it, and with this very Python as `python3`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATMOS_")}
    return kept | {"PATH": os.pathsep.join((str(Path(sys.executable).parent), kept["PATH"]))} | additions


def run(
    *argv: str, directory: Path, program: Path = ATMOS, variables: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *argv],
        cwd=directory,
        env=environment(**variables),
        capture_output=True,
        encoding="utf-8",
        timeout=10,
        check=False,
    )


def copy_project(directory: Path) -> Path:
    """A fresh copy of the demo project; its path is the real one, as Atmos shows it."""
    return Path(shutil.copytree(DEMO / "project", directory / "project")).resolve()
