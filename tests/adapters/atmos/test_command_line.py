import os
from collections.abc import Callable
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine, find_atmos, tool_environment
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.tools import ExecutionClass, OutputPiece
from atmos_ai_sidecar.errors import AtmosNotFoundError
from tests.adapters.atmos.conftest import Open


def executable(path: Path, content: bytes = b"#!/bin/sh\n") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(0o755)
    return str(path)


def test_atmos_ai_atmos_is_taken_first_then_atmos_cli_path_then_path(tmp_path: Path) -> None:
    named, own, on_path = (executable(tmp_path / folder / "atmos") for folder in ("named", "own", "path"))
    environment = {"ATMOS_AI_ATMOS": named, "ATMOS_CLI_PATH": own, "PATH": str(tmp_path / "path")}
    assert find_atmos(environment) == named
    del environment["ATMOS_AI_ATMOS"]
    assert find_atmos(environment) == own
    del environment["ATMOS_CLI_PATH"]
    assert find_atmos(environment) == on_path


def test_atmos_ai_atmos_may_be_a_name_on_path(tmp_path: Path) -> None:
    found = executable(tmp_path / "atmos-1.226")
    assert find_atmos({"ATMOS_AI_ATMOS": "atmos-1.226", "PATH": str(tmp_path)}) == found


def test_an_atmos_ai_atmos_that_is_no_program_is_an_error_and_nothing_else_is_taken(tmp_path: Path) -> None:
    executable(tmp_path / "atmos")
    with pytest.raises(AtmosNotFoundError, match="ATMOS_AI_ATMOS is /nowhere/atmos") as caught:
        find_atmos({"ATMOS_AI_ATMOS": "/nowhere/atmos", "PATH": str(tmp_path)})
    assert "unset it" in caught.value.remedy


def test_without_any_atmos_the_error_names_all_three_places_and_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(AtmosNotFoundError) as caught:
        find_atmos({"PATH": str(tmp_path)})
    for word in ("ATMOS_AI_ATMOS", "ATMOS_CLI_PATH", "PATH", "Install Atmos"):
        assert word in str(caught.value)


def test_relative_folders_on_path_do_not_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "atmos")
    executable(tmp_path / "bin" / "atmos")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AtmosNotFoundError):
        find_atmos({"PATH": os.pathsep.join((".", "bin", ""))})


def test_our_own_wrapper_and_shim_are_never_taken(tmp_path: Path) -> None:
    executable(tmp_path / "wrapper" / "atmos", b"\x7fELF... atmos-ai-sidecar/go-shim/cmd/atmos-wrapper ...")
    executable(tmp_path / "shim" / "atmos-ai")
    (tmp_path / "link").mkdir()
    (tmp_path / "link" / "atmos").symlink_to(tmp_path / "shim" / "atmos-ai")
    real = executable(tmp_path / "real" / "atmos")
    folders = [str(tmp_path / name) for name in ("wrapper", "link", "real")]
    assert find_atmos({"PATH": os.pathsep.join(folders)}) == real
    with pytest.raises(AtmosNotFoundError):
        find_atmos({"PATH": os.pathsep.join(folders[:2]), "ATMOS_CLI_PATH": f"{folders[0]}/atmos"})


def test_tools_get_the_callers_environment_without_the_models_keys() -> None:
    environment = tool_environment(
        {
            "AWS_PROFILE": "dev",
            "ANTHROPIC_API_KEY": "k",
            "ANTHROPIC_BASE_URL": "u",
            "MY_KEY": "k",
            "ATMOS_AI_TOKEN": "t",
            "NO_COLOR": "",
        },
        secret_names={"MY_KEY"},
    )
    assert environment == {
        "AWS_PROFILE": "dev",
        "ATMOS_TELEMETRY_ENABLED": "false",
        "NO_COLOR": "1",
        "NO_PAGER": "1",
        "ATMOS_LOGS_LEVEL": "Warning",
    }


async def test_a_call_has_the_users_global_flags_directory_environment_and_umask() -> None:
    programs: list[Program] = []

    class Runner:
        async def run(self, program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
            programs.append(program)
            return Completion(exit_code=0, stdout="", stderr="", duration_seconds=0.0)

    atmos = AtmosCommandLine(
        executable="/bin/atmos",
        project_directory="/project",
        environment={"A": "b"},
        runner=Runner(),
        umask=0o027,
        global_flags=("--profile", "ci"),
    )
    await atmos.run(("list", "stacks"))
    assert programs == [
        Program(
            arguments=("/bin/atmos", "--profile", "ci", "list", "stacks"),
            directory="/project",
            environment={"A": "b"},
            execution_class=ExecutionClass.READ,
            umask=0o027,
        )
    ]


async def test_the_replayed_atmos_runs_under_the_warden_with_the_models_keys_gone(open_project: Open) -> None:
    project = open_project(ANTHROPIC_API_KEY="sk-ant-x")
    await project.call("execute_atmos_command", arguments=["version"])
    assert "ANTHROPIC_API_KEY" not in project.recorded.programs[0].environment
