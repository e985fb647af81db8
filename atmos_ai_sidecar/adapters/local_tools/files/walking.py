"""Walks through a folder as Git sees it: without what is ignored, without links, without Git's own files."""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence

from pathspec import GitIgnoreSpec

from atmos_ai_sidecar.domain.paths import folded
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MOST_FILES = 200_000
_DEEPEST = 64
_IGNORE_FILE = ".gitignore"
_IGNORE_BYTES = 256 << 10
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A regular file. The descriptor is valid until the next one is asked for."""

    path: str
    """Absolute."""
    folder: int
    name: str
    status: os.stat_result


@dataclass(frozen=True, slots=True)
class _Rules:
    """The ignore file of one folder."""

    folder: str
    spec: GitIgnoreSpec


def walked(folder: str, *, root: str, hidden: Sequence[str]) -> Iterator[Found]:
    """The files below a folder in the order of their paths.

    What Git would ignore is left out, by the ignore files from ``root`` down; a folder that is itself ignored was named
    on purpose, so then only the ignore files within it count.

    Args:
        folder: Absolute, without links.
        root: The folder of the repository or project.
        hidden: Files and folders that are not shown.
    """
    outer = list(_outer_rules(folder, root))
    rules = [] if _is_ignored(f"{folder}/", outer) else outer
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, _FOLDER)
        try:
            hidden_forms = frozenset(folded(path) for path in hidden)
            yield from _below(descriptor, folder.rstrip("/"), rules, hidden_forms, depth=0)
        finally:
            os.close(descriptor)


def _below(
    descriptor: int, folder: str, outer: Sequence[_Rules], hidden: frozenset[str], *, depth: int
) -> Iterator[Found]:
    rules = [*outer, *_own_rules(descriptor, folder)]
    for name in sorted(os.listdir(descriptor)):
        path = f"{folder}/{name}"
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except OSError:
            continue
        if folded(path) in hidden:
            continue
        if stat.S_ISREG(status.st_mode) and not _is_ignored(path, rules):
            yield Found(path=path, folder=descriptor, name=name, status=status)
        elif stat.S_ISDIR(status.st_mode) and depth < _DEEPEST and folded(name) != ".git":
            if _is_ignored(f"{path}/", rules):
                continue
            with contextlib.suppress(OSError):
                inner = os.open(name, _FOLDER, dir_fd=descriptor)
                try:
                    yield from _below(inner, path, rules, hidden, depth=depth + 1)
                finally:
                    os.close(inner)


def _is_ignored(path: str, rules: Sequence[_Rules]) -> bool:
    """What the nearest ignore file says that says anything; a folder's path ends with a slash."""
    for rule in reversed(rules):
        include = rule.spec.check_file(path[len(rule.folder) + 1 :]).include
        if include is not None:
            return include
    return False


def _outer_rules(folder: str, root: str) -> Iterator[_Rules]:
    """The rules of the folders above, from the root on."""
    if folder == root or not folder.startswith(f"{root}/"):
        return
    above = root
    for part in folder[len(root) + 1 :].split("/"):
        with contextlib.suppress(OSError):
            descriptor = os.open(above, _FOLDER)
            try:
                yield from _own_rules(descriptor, above)
            finally:
                os.close(descriptor)
        above = f"{above}/{part}"


def _own_rules(descriptor: int, folder: str) -> Iterator[_Rules]:
    """The rules that an open folder has for what is below it."""
    with contextlib.suppress(OSError):
        opened = os.open(_IGNORE_FILE, _FILE, dir_fd=descriptor)
        with os.fdopen(opened, "rb") as stream:
            if stat.S_ISREG(os.fstat(opened).st_mode):
                lines = stream.read(_IGNORE_BYTES).decode("utf-8", "replace").splitlines()
                with contextlib.suppress(ValueError):  # a pattern that Git would not understand either
                    yield _Rules(folder, GitIgnoreSpec.from_lines(lines))
