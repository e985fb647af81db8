"""Commands that run as an ordinary user, also when the tests run as root."""

import os
import subprocess
from collections.abc import Sequence
from functools import cache

_UNSHARE = ("unshare", "--user", "--map-user=1000", "--map-group=1000")


@cache
def ordinary_user() -> Sequence[str]:
    """What to put before a command, so that it has no rights but those of an owner of files.

    Root is mapped to a user of a name space, which owns root's files and has none of its capabilities.

    Raises:
        PermissionError: We are root, and this machine forbids user name spaces.
    """
    if os.geteuid() != 0:
        return ()
    if subprocess.run((*_UNSHARE, "true"), check=False, capture_output=True).returncode:
        message = "root cannot become an ordinary user here: user name spaces are forbidden"
        raise PermissionError(message)
    return _UNSHARE
