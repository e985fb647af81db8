"""Imports of thousands of modules, without the collector that would walk through all of them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing_much() -> Iterator[None]:
    """Collects nothing within the block, and never again looks at what is there at its end.

    Modules stay for as long as the process does. Left to itself the collector walks through all of them several
    times while they are imported, then with every full collection, which stops the event loop for tens of
    milliseconds, and at last when the process ends. For the first import only: whatever else is there at the end of
    the block stays as well.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        if was_enabled:
            gc.enable()
