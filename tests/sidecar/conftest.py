import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def socket_directory() -> Iterator[Path]:
    """A private folder with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="aa") as folder:
        yield Path(folder)
