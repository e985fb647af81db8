"""A repository and an environment that plant modules and start-up files: nothing of them ever runs."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import MODULE, SHIM, Project

MODULES = (
    "grpc",
    "anthropic",
    "sitecustomize",
    "usercustomize",
    "conftest",
    "click",
    "asyncio",
    "json",
    "encodings",
    "atmos_ai_sidecar",
)
PROGRAMS = ("python3", "python", "atmos", "sh", "bash", "env", "git", "less", "terraform")


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
    (user_site / "planted.pth").write_text(f"import sys; {code}")
    (tmp_path / "startup.py").write_text(code)
    demo.environment.update(
        PYTHONPATH=f"{elsewhere}{os.pathsep}{demo.directory}",
        PYTHONSTARTUP=str(tmp_path / "startup.py"),
        PYTHONUSERBASE=str(demo.home / ".local"),
        PYTHONINSPECT="1",
        PYTHONHOME=str(elsewhere),
        PYTHONPLATLIBDIR="planted",
        PYTHONBREAKPOINT="planted.run",
        PYTHONWARNINGS="error::planted.Warning",
        ATMOS_AI_ATMOS=str(demo.environment["ATMOS_AI_ATMOS"]),
    )
    return witness


@pytest.mark.parametrize("program", [(str(SHIM),), MODULE], ids=["shim", "module"])
def test_nothing_that_was_planted_is_imported(program: tuple[str, ...], demo: Project, planted: Path) -> None:
    # The replayed Atmos is a Python program too, and not ours to protect: a model without tools is asked.
    done = demo.run(*program, "exec", "--no-tools", "Hello")
    assert done.returncode == 0, done.stderr
    assert not planted.exists(), planted.read_text()


def test_a_planted_module_of_the_current_folder_is_not_imported_without_isolation_either(demo: Project) -> None:
    # Python's own start (runpy) comes before anything of ours, and the package itself is looked for there.
    for name in ("typing", "json", "asyncio", "fcntl", "grpc", "click", "anthropic", "ruamel"):
        (demo.directory / f"{name}.py").write_text("raise SystemExit(66)\n")
    done = demo.run(sys.executable, "-m", "atmos_ai_sidecar", "exec", "--no-tools", "Hello")
    assert done.returncode == 0, done.stderr


def test_warden_imports_nothing_that_was_planted(demo: Project, planted: Path) -> None:
    stand_in = demo.home / "atmos"
    stand_in.write_text("#!/bin/sh\necho '[]'\n")
    stand_in.chmod(0o755)
    demo.environment["ATMOS_AI_ATMOS"] = str(stand_in)
    done = demo.run(SHIM, "exec", "Which stacks are there?")
    assert done.returncode == 0, done.stderr
    assert not planted.exists(), planted.read_text()


def test_programs_that_a_project_brings_never_run_although_path_leads_into_it(demo: Project, tmp_path: Path) -> None:
    witness, elsewhere, good = tmp_path / "ran", tmp_path / "elsewhere", tmp_path / "good"
    for folder in (elsewhere, good, demo.directory / "bin"):
        folder.mkdir(exist_ok=True)
    for folder in (demo.directory, demo.directory / "bin"):
        for name in PROGRAMS:
            (folder / name).write_text(f"#!/bin/sh\necho {name} >> {witness}\n")
            (folder / name).chmod(0o755)
    (good / "atmos").write_text("#!/bin/sh\necho '[\"ue1-dev\"]'\n")
    (good / "atmos").chmod(0o755)
    shutil.copy(SHIM, elsewhere / "atmos-ai")  # it has no Python beside it and has to look for one
    del demo.environment["ATMOS_AI_ATMOS"]
    places = (".", "bin", "", "./bin", good, Path(sys.executable).parent, demo.environment["PATH"])
    demo.environment["PATH"] = os.pathsep.join(map(str, places))
    done = demo.run(elsewhere / "atmos-ai", "ask", "Which stacks are there?")
    assert done.returncode == 0, done.stderr
    assert "ue1-dev" in done.stdout
    assert not witness.exists(), witness.read_text()
