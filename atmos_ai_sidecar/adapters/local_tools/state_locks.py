"""Which terraform state locks are seen where a program works.

terraform's local backend puts a file beside the state; locks of remote backends are not seen from here.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_PATTERNS = (".*.tfstate.lock.info", "terraform.tfstate.d/*/.*.tfstate.lock.info")
_FIELDS = (("ID", "ID"), ("Path", "of"), ("Operation", "for"), ("Created", "since"))
_MAX_BYTES = 65_536


def held_below(pid: int) -> tuple[str, ...]:
    """One line for each lock beside the working folders of a process's descendants; elsewhere than on Linux none."""
    if not pid or sys.platform != "linux":
        return ()
    folders = {folder for child in _descendants(pid) if (folder := _working_directory(child)) is not None}
    return tuple(sorted({line for folder in folders for line in _locks_in(folder)}))


def _locks_in(folder: Path) -> Iterator[str]:
    for pattern in _PATTERNS:
        for path in folder.glob(pattern):
            with suppress(OSError, ValueError, AttributeError), path.open("rb") as file:
                yield _line(json.loads(file.read(_MAX_BYTES)))


def _line(lock: Mapping[str, Any]) -> str:
    """What terraform says about a lock."""
    words = (f"{name} {lock[key]}" for key, name in _FIELDS if lock.get(key))
    return ", ".join(words)


def _descendants(pid: int) -> set[int]:
    relations = list(_relations())
    found = {pid}
    while more := {child for child, parent in relations if parent in found} - found:
        found |= more
    return found - {pid}


def _relations() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError, ValueError):  # it ended meanwhile
                yield int(path.name), int((path / "stat").read_text("latin-1").rpartition(")")[2].split()[1])


def _working_directory(pid: int) -> Path | None:
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None
