"""A repository and an environment that plant modules and start-up files: nothing of them ever runs."""

import os
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import MODULE, SHIM, Project

MODULES = ("grpc", "anthropic", "sitecustomize", "usercustomize", "click", "asyncio", "json", "atmos_ai_sidecar")


@pytest.fixture
def planted(demo: Project, tmp_path: Path) -> Path:
    """Every module in the project and on PYTHONPATH writes its name to a file when it is imported."""
    witness = tmp_path / "imported"
    code = f"open({str(witness)!r}, 'a').write(__name__ + chr(10))\n"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    user_site = (
        demo.home / ".local" / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    )
    user_site.mkdir(parents=True)
    for folder in (demo.directory, elsewhere, user_site):
        for name in MODULES:
            (folder / f"{name}.py").write_text(code)
    (tmp_path / "startup.py").write_text(code)
    demo.environment.update(
        PYTHONPATH=f"{elsewhere}{os.pathsep}{demo.directory}",
        PYTHONSTARTUP=str(tmp_path / "startup.py"),
        PYTHONUSERBASE=str(demo.home / ".local"),
        PYTHONINSPECT="1",
        ATMOS_AI_ATMOS=str(demo.environment["ATMOS_AI_ATMOS"]),
    )
    return witness


@pytest.mark.parametrize("program", [(str(SHIM),), MODULE], ids=["shim", "module"])
def test_nothing_that_was_planted_is_imported(program: tuple[str, ...], demo: Project, planted: Path) -> None:
    # The replayed Atmos is a Python program too, and not ours to protect: a model without tools is asked.
    done = demo.run(*program, "exec", "--no-tools", "Hello")
    assert done.returncode == 0, done.stderr
    assert not planted.exists(), planted.read_text()


def test_warden_imports_nothing_that_was_planted(demo: Project, planted: Path) -> None:
    stand_in = demo.home / "atmos"
    stand_in.write_text("#!/bin/sh\necho '[]'\n")
    stand_in.chmod(0o755)
    demo.environment["ATMOS_AI_ATMOS"] = str(stand_in)
    done = demo.run(SHIM, "exec", "Which stacks are there?")
    assert done.returncode == 0, done.stderr
    assert not planted.exists(), planted.read_text()
