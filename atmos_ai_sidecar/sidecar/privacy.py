"""What keeps other processes of the same user out of this one."""

import ctypes
import os
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def keep_files_private() -> None:
    """Files that this process makes from now on are its user's alone, the socket among them."""
    os.umask(0o077)


def hide_process() -> None:
    """No process of this user can read our memory or environment.

    On Linux only; a kernel that refuses is left alone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
