"""What tests wait for in processes that are not their children."""

import threading
import time

import psutil

PATIENCE_SECONDS = 20.0
"""Deaths come at once; what a machine under load needs is no fault. How soon they come is measured in long runs."""


def wait_dead(*processes: psutil.Process, seconds: float = PATIENCE_SECONDS) -> None:
    """Returns when they have ended, buried or not: whoever adopts an orphan buries it when it likes."""
    end = time.monotonic() + seconds
    while living := [process for process in processes if _lives(process)]:
        assert time.monotonic() < end, living
        threading.Event().wait(0.01)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
