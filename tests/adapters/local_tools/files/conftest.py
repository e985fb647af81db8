from pathlib import Path

import pytest

from tests.adapters.local_tools.files.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    return Workbench(folder)
