"""Which files a command line may name."""

import posixpath
import re
from collections.abc import Sequence

MAX_MOVES = 4
"""More changes of the folder than these are not followed."""

_ATTACHED = re.compile(r"-[A-Za-z]([./~].*)", re.DOTALL)


def leaves_directory(path: str | None) -> bool:
    """Whether a folder may lie outside of the one where the command line runs. An unknown one may."""
    return not path or path.startswith(("/", "~", "-")) or ".." in path.split("/")


def paths_of(commands: Sequence[Sequence[str | None]], redirects: Sequence[str]) -> Sequence[str]:
    """Every known word that may name a file, also as seen from the folders that the command line changes into."""
    folders = [""]
    found = dict.fromkeys(redirects)
    for argv in commands:
        words = [path for word in argv[1:] if word for path in _paths_in(word)]
        if argv and argv[0] == "cd" and len(folders) < 2**MAX_MOVES:
            folders.extend(posixpath.join(folder, word) for folder in tuple(folders) for word in words[:1])
        found.update(dict.fromkeys(posixpath.join(folder, word) for folder in folders for word in words))
    return tuple(found)


def _paths_in(word: str) -> Sequence[str]:
    _, equals, value = word.partition("=")
    if not word.startswith("-"):
        return (word, value) if equals and value else (word,)
    if equals:
        return (value,) if value else ()
    attached = _ATTACHED.fullmatch(word)
    return (attached[1],) if attached else ()
