"""An environment of Python whose sidecar's event loop can be blocked: by signal 10 for 10 s, by signal 12 for 40 s.

The block holds the interpreter's lock too, so that no other thread of Python runs either: what a long computation in
an extension does. The sidecar itself is ours, unchanged.
"""

import ctypes
import signal
import sysconfig
import venv
from pathlib import Path

from tests.e2e.conftest import ROOT

SECONDS = {signal.SIGUSR1: 10, signal.SIGUSR2: 40}
_MODULE = """
import ctypes, signal

for number, seconds in {seconds}.items():
    signal.signal(number, lambda *_, seconds=seconds: ctypes.PyDLL(None).sleep(seconds))
"""
assert ctypes.PyDLL(None).sleep


def environment_that_blocks(folder: Path) -> Path:
    """Makes the environment; returns its Python."""
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    module = _MODULE.format(seconds={int(number): seconds for number, seconds in SECONDS.items()})
    (packages / "blocking_signals.py").write_text(module)
    (packages / "blocking.pth").write_text(f"{sysconfig.get_path('purelib')}\n{ROOT}\nimport blocking_signals\n")
    return folder / "bin" / "python"
