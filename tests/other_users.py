"""Commands that run as other users of the machine, which only root can start."""

import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.e2e.conftest import ROOT


def as_user(uid: int, beside: Path) -> Sequence[str]:
    """What to put before a command, so that a user of that number runs it.

    Where our Python or our code lies in a folder that others may not enter, a root's home for example, the command
    sees another folder there, which holds nothing but them; ``beside`` is an empty folder to hold them meanwhile. The
    user needs no entry in the list of users.
    """
    become = f'exec setpriv --reuid {uid} --regid {uid} --clear-groups -- "$@"'
    lines = ["set -e", *_opened(shlex.quote(str(beside))), become]
    return ("unshare", "--mount", "sh", "-c", "\n".join(lines), "sh")


def _opened(kept: str) -> Iterator[str]:
    needed = sorted({Path(path).resolve() for path in (sys.base_prefix, sys.prefix, ROOT)})
    for closed in sorted({folder for path in needed for folder in _closed_above(path)}):
        inside = [path for path in needed if path.is_relative_to(closed)]
        where = shlex.quote(str(closed))
        yield f"mount -t tmpfs -o mode=755 kept {kept}"
        for number, path in enumerate(inside):
            yield f"mkdir {kept}/{number} && mount --bind {shlex.quote(str(path))} {kept}/{number}"
        yield f"mount -t tmpfs -o mode=755 opened {where}"
        for number, path in enumerate(inside):
            target = shlex.quote(str(path))
            yield f"mkdir -p {target} && mount --bind {kept}/{number} {target}"


def _closed_above(path: Path) -> Iterator[Path]:
    """The uppermost folder on the way to a path that others may not enter, if there is one."""
    for folder in reversed(path.parents):
        status = folder.stat()
        if not status.st_mode & 0o001 and status.st_uid == os.geteuid():
            yield folder
            return
