"""Files that are new when another installation has taken this one's place, under whatever version number.

A process that goes on after that runs old code, and imports new code whenever it needs another module.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import atmos_ai_sidecar


def installed_files() -> Sequence[Mapping[str, str | int]]:
    """The interpreter, the package and its installer's list: path, inode and time of each that there is."""
    return [
        {"path": str(path), "inode": status.st_ino, "mtime_ns": status.st_mtime_ns} for path, status in _found(_paths())
    ]


def _paths() -> Sequence[Path]:
    package = Path(atmos_ai_sidecar.__file__)
    distribution = f"{atmos_ai_sidecar.__name__}-{atmos_ai_sidecar.__version__}.dist-info"
    return (Path(sys.executable), package, package.parent.parent / distribution / "RECORD")


def _found(paths: Sequence[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    for path in paths:
        with suppress(OSError):
            yield path, path.stat()
