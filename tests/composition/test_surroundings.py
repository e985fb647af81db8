from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.composition.surroundings import Surroundings
from atmos_ai_sidecar.domain.tools import Effect, Execution, Result, Tool


async def never(values: object, execution: Execution) -> Result:
    raise AssertionError


SHELL = Tool(
    name="execute_bash_command",
    description="",
    parameters=(),
    effect=Effect.EXECUTE,
    execute=never,
    requires_permission=True,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a script and a program on PATH."""
    for name, content in {"p/atmos.yaml": "a: 1", "p/deploy.sh": "echo 1", "bin/terraform": "#!/bin/sh"}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(0o755)
    return tmp_path / "p"


def surroundings(project: Path, **environment: str) -> Surroundings:
    path = str(project.parent / "bin")
    return Surroundings(
        directory=project, environment={"PATH": path, **environment}, files={"atmos.yaml": ""}, salt="salt"
    )


def plan(project: Path, command: Any = "terraform plan && ./deploy.sh", tool: Tool = SHELL) -> str:
    return surroundings(project).digest_of(tool, {"command": command})


def replace_program(project: Path) -> None:
    program = project.parent / "bin/terraform"
    program.rename(program.with_name("old"))
    program.write_text("#!/bin/sh\nexit 1")
    program.chmod(0o755)


def shadow_program(project: Path) -> None:
    (project / "terraform").write_text("#!/bin/sh")


def replace_directory(project: Path) -> None:
    project.rename(project.with_name("old"))
    project.mkdir()
    for path in project.with_name("old").iterdir():
        (project / path.name).write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    "change",
    [
        lambda project: (project / "deploy.sh").write_text("rm -rf /"),
        lambda project: (project / "deploy.sh").unlink(),
        lambda project: (project / "atmos.yaml").write_text("a: 2"),
        lambda project: (project / ".atmos.d").mkdir(),
        replace_program,
        shadow_program,
        replace_directory,
    ],
)
def test_what_a_call_depends_on_cannot_change_unseen(project: Path, change: Callable[[Path], Any]) -> None:
    before = plan(project)
    assert plan(project) == before
    change(project)
    assert plan(project) != before


def test_a_file_that_the_call_does_not_name_is_not_its_concern(project: Path) -> None:
    before = plan(project)
    (project / "notes.txt").write_text("x")
    assert plan(project) == before


def test_words_are_found_at_any_depth(project: Path) -> None:
    before = plan(project, ["x", {"file": "deploy.sh"}])
    (project / "deploy.sh").write_text("other")
    assert plan(project, ["x", {"file": "deploy.sh"}]) != before


def test_tools_of_atmos_depend_on_the_programs_that_atmos_runs(project: Path) -> None:
    atmos = replace(SHELL, source="atmos")
    before = plan(project, "vpc", atmos)
    replace_program(project)
    assert plan(project, "vpc", atmos) != before


def test_credentials_count_and_other_variables_do_not(project: Path) -> None:
    def of(**environment: str) -> str:
        return surroundings(project, **environment).digest_of(SHELL, {})

    assert of(AWS_PROFILE="a") != of(AWS_PROFILE="b")
    assert of(MY_TOKEN="a") != of()
    assert of(COLUMNS="80") == of()


def test_no_two_processes_have_the_same_digest(project: Path) -> None:
    first, second = (Surroundings(directory=project, environment={}, files={}) for _ in range(2))
    assert first.digest_of(SHELL, {}) != second.digest_of(SHELL, {})


@pytest.mark.parametrize("text", ["\0", "/", "x" * 5000, "~", "\udcff", "{", " ".join(map(str, range(1000)))])
def test_odd_words_are_no_error(project: Path, text: str) -> None:
    assert plan(project, text)
