"""The ways from Atmos' command line to ours, beside ``atmosai.Attach``, which is tested in Go."""

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import DEMO, SHIM, Project


@pytest.fixture
def path(demo: Project, tmp_path: Path) -> str:
    """A PATH on which the wrapper stands before the replayed atmos."""
    first = tmp_path / "first"
    first.mkdir()
    done = demo.run(SHIM, "init", "--wrapper", str(first))
    assert done.returncode == 0, done.stderr
    assert f"{first} is not on PATH" in done.stderr
    del demo.environment["ATMOS_AI_ATMOS"]
    return os.pathsep.join([str(first), str(DEMO / "bin"), os.environ["PATH"]])


def test_wrapper_gives_our_commands_to_the_assistant(demo: Project, path: str) -> None:
    done = demo.run("atmos", "--no-color", "ai", "exec", "Which stacks are there?", PATH=path)
    assert "ue1-prod" in done.stdout, done.stderr
    assert done.returncode == 0


def test_wrapper_leaves_other_commands_to_the_real_atmos(demo: Project, path: str) -> None:
    direct = demo.run(str(DEMO / "bin" / "atmos"), "validate", "stacks")
    behind = demo.run("atmos", "validate", "stacks", PATH=path)
    assert (behind.stdout, behind.stderr, behind.returncode) == (direct.stdout, direct.stderr, 0)


def test_wrapper_returns_the_exit_code_of_either(demo: Project, path: str) -> None:
    assert demo.run("atmos", "ai", "exec", "--format", "nonsense", "x", PATH=path).returncode == 2
    assert demo.run("atmos", "no-such-command", PATH=path).returncode == 64


def test_tools_behind_the_wrapper_call_the_real_atmos(demo: Project, path: str) -> None:
    done = demo.run("atmos", "ai", "ask", "What is the CIDR of the VPC in ue1-prod?", PATH=path)
    assert "10.20.0.0/16" in done.stdout, done.stderr


def test_installing_the_wrapper_again_replaces_only_our_link(demo: Project, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    assert demo.run(SHIM, "init", "--wrapper", str(folder)).returncode == 0
    again = demo.run(SHIM, "init", "--wrapper", str(folder), PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert again.returncode == 0
    assert "Type `atmos ai chat`" in again.stderr
    (folder / "atmos").unlink()
    (folder / "atmos").write_text("the real one")
    refused = demo.run(SHIM, "init", "--wrapper", str(folder))
    assert refused.returncode == 1
    assert "not our wrapper" in refused.stderr
    assert (folder / "atmos").read_text() == "the real one"


def test_init_makes_a_project_without_an_ai_section_ready_for_the_first_question(demo: Project) -> None:
    file = demo.directory / "atmos.yaml"
    before = file.read_text().split("\nai:\n")[0] + "\n"
    file.write_text(before)
    off = demo.run(SHIM, "ask", "Which stacks are there?")
    assert "atmos-ai init" in off.stderr
    shown = demo.run(SHIM, "init")
    assert (shown.returncode, file.read_text()) == (1, before)
    assert "+ai:" in shown.stdout
    assert "--yes" in shown.stderr
    written = demo.run(SHIM, "init", "--yes")
    assert written.returncode == 0, written.stderr
    assert "atmos-ai chat" in written.stderr
    assert file.read_text().startswith(before)
    answered = demo.run(SHIM, "ask", "Which stacks are there?")
    assert "ue1-prod" in answered.stdout, answered.stderr
    assert "nothing to write" in demo.run(SHIM, "init", "--yes").stderr


def test_wrapper_behind_the_real_atmos_says_what_to_change(demo: Project, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    search = os.pathsep.join([str(DEMO / "bin"), str(folder), os.environ["PATH"]])
    done = demo.run(SHIM, "init", "--wrapper", str(folder), PATH=search)
    assert f"{DEMO / 'bin' / 'atmos'} comes first on PATH" in done.stderr
