"""Whether anything changed below some folders: what a process that has read them cannot know."""

import os
import stat
from collections.abc import Iterator, Sequence

_LEFT_OUT = frozenset({".git", ".terraform", "node_modules", "__pycache__", ".venv"})
"""Nothing in them configures Atmos, and some of them are large."""

Snapshot = frozenset[tuple[str, int, int, int, int]]


def snapshot(places: Sequence[str], without: Sequence[str] = ()) -> Snapshot:
    """Name, inode, size and times of every file below the places, links followed. Blocks; call it in a thread.

    Args:
        places: Files and folders, absolute; those that do not exist count as such.
        without: Folders in them that do not count, absolute.
    """
    seen: set[tuple[int, int]] = set()
    return frozenset(entry for place in places for entry in _entries(place, frozenset(without), seen))


def _entries(
    path: str, without: frozenset[str], seen: set[tuple[int, int]]
) -> Iterator[tuple[str, int, int, int, int]]:
    try:
        status = os.stat(path)  # noqa: PTH116 - as quick as it can be
    except OSError:
        yield path, 0, 0, 0, 0
        return
    if not stat.S_ISDIR(status.st_mode):
        yield path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
        return
    if path in without or (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    try:
        names = os.listdir(path)  # noqa: PTH208 - names are enough
    except OSError:
        return
    for name in names:
        if name not in _LEFT_OUT:
            yield from _entries(f"{path}/{name}", without, seen)
