import os
import pwd
from collections.abc import Mapping

_NOWHERE = "/nonexistent"
"""What Debian gives to a user that has no home."""


def home_of(environment: Mapping[str, str]) -> str:
    """The real path of the caller's home; where the environment names none, what the system knows of this user.

    A user of a container may have neither: then it is a folder that does not exist.
    """
    home = environment.get("HOME", "")
    if not home.startswith("/"):
        try:
            home = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            home = ""
    return os.path.realpath(home or _NOWHERE)
