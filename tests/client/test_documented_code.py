"""The Python of docs/clients.md, run as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, demo, model_url, project

__all__ = ["demo", "model_url", "project"]
PAGE = Path(__file__).parents[2] / "docs" / "clients.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("block", "said"), list(zip(BLOCKS, ("noon\n```['vpc-refactor']\n", "ue1-staging"), strict=True))
)
def test_documented_program_runs(block: str, said: str, demo: Project) -> None:
    demo.directory.rename(demo.directory.parent / "infrastructure")
    done = subprocess.run(
        (sys.executable, "-c", block),
        cwd=demo.directory.parent,
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout
