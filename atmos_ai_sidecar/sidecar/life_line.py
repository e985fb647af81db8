"""Two ways to notice that the parent is gone; each is a daemon thread, which works while the event loop is blocked."""

import os
import threading
from collections.abc import Callable
from typing import Final

PARENT_CHECK_SECONDS: Final = 2.0


def watch_life_line(descriptor: int, gone: Callable[[], None]) -> threading.Thread:
    """Calls ``gone`` once when the pipe from the parent ends; the kernel ends it with the parent, however that dies."""

    def watch() -> None:
        try:
            while os.read(descriptor, 4096):
                pass  # what the parent says after the bootstrap line means nothing yet
        except OSError:  # a terminal that hung up: as good as an end
            pass
        gone()

    return _start(watch, "life line")


def watch_parent(
    parent_pid: int,
    gone: Callable[[], None],
    *,
    seconds: float = PARENT_CHECK_SECONDS,
    parent: Callable[[], int] = os.getppid,
) -> threading.Thread:
    """Calls ``gone`` once when another process has become the parent: for wrappers that hold the pipe open."""
    pause = threading.Event()

    def watch() -> None:
        while parent() == parent_pid:
            pause.wait(seconds)
        gone()

    return _start(watch, "parent watch")


def _start(watch: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=watch, name=name, daemon=True)
    thread.start()
    return thread
