import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.demo.replay import ATMOS, DEMO, copy_project, environment, run

RECORDINGS = [json.loads(line) for line in (DEMO / "recordings" / "cli.jsonl").read_text("utf-8").splitlines()]
READ = ("--process-functions=false", "--process-templates=false")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


def name_of(recording: dict[str, Any]) -> str:
    return " ".join([recording["scenario"] or "plain", *recording["argv"]])


@pytest.mark.parametrize("recording", RECORDINGS, ids=name_of)
def test_every_recording_is_answered_exactly(recording: dict[str, Any], project: Path) -> None:
    variables = {"ATMOS_REPLAY_SCENARIO": recording["scenario"] or ""}
    done = run(*recording["argv"], directory=project, variables=variables)
    assert done.stdout == recording["stdout"].replace("{project}", str(project))
    assert done.stderr == recording["stderr"].replace("{project}", str(project))
    assert done.returncode == recording["exit_code"]


@pytest.mark.parametrize("seed", range(4))
def test_order_and_spelling_of_flags_do_not_matter(seed: int, project: Path) -> None:
    flags = ["--stack=ue1-prod", "--format json", *READ, "--logs-level Warning", "--no-color", "-C ."]
    words = ["describe", "component", "vpc"]
    shuffler = random.Random(seed)
    shuffler.shuffle(flags)
    for flag in flags:
        words.insert(shuffler.randint(0, len(words)), flag)
    done = run(*" ".join(words).split(" "), directory=project)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["vars"]["cidr_block"] == "10.20.0.0/16"


@pytest.mark.parametrize("stack", ["-s ue1-dev", "-sue1-dev", "-s=ue1-dev", "--stack ue1-dev", "--stack=ue1-dev"])
def test_every_spelling_of_the_stack_is_understood(stack: str, project: Path) -> None:
    assert run("validate", "component", "vpc", *stack.split(" "), directory=project).returncode == 0


@pytest.mark.parametrize("identity", ["--identity=prod", "--identity prod", "--identity"])
def test_a_global_flag_with_an_optional_value_is_ignored(identity: str, project: Path) -> None:
    assert run("validate", "stacks", *identity.split(" "), directory=project).returncode == 0


def test_flags_that_say_the_default_are_the_same_as_no_flag(project: Path) -> None:
    done = run(
        *("describe", "component", "vpc", "-s", "ue1-dev", "--format", "json", "--process-functions=true"),
        directory=project,
    )
    assert done.returncode == 0


def test_list_flags_may_be_repeated_or_joined(project: Path) -> None:
    words = ("describe", "stacks", "--format", "json", *READ, "--sections", "vars", "--sections", "vars")
    assert run(*words, "--components=vpc", directory=project).returncode == 0


def test_a_planfile_is_known_by_its_name_under_any_path(project: Path) -> None:
    words = ("terraform", "show", "vpc", "-s", "ue1-dev", "--", "-json")
    plain = run(*words, "ue1-dev-vpc.planfile", directory=project)
    assert plain.returncode == 0
    assert run(*words, "/some/where/ue1-dev-vpc.planfile", directory=project).stdout == plain.stdout
    assert run(*words, "other.planfile", directory=project).returncode == 64


def test_what_goes_to_terraform_is_compared_as_it_stands(project: Path) -> None:
    words = ("terraform", "plan", "vpc", "-s", "ue1-dev", "--")
    assert run(*words, "-input=false", directory=project).returncode == 64


def test_a_plan_leaves_its_planfile_in_the_folder_of_the_terraform_code(project: Path) -> None:
    flags = ("-s", "ue1-prod", "--", "-input=false", "-lock=false", "-no-color")
    assert run("terraform", "plan", "storefront", *flags, directory=project).returncode == 0
    assert (project / "components/terraform/service/ue1-prod-storefront.planfile").exists()


def test_a_plan_without_a_place_for_its_planfile_answers_all_the_same(tmp_path: Path) -> None:
    flags = ("-s", "ue1-prod", "--", "-input=false", "-lock=false", "-no-color")
    assert run("terraform", "plan", "vpc", *flags, directory=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["cwd", "subfolder", "base-path", "base-path-variable", "chdir", "config-path"])
def test_the_project_is_found_as_atmos_finds_it(how: str, project: Path, tmp_path: Path) -> None:
    ways: dict[str, tuple[tuple[str, ...], dict[str, str], Path]] = {
        "cwd": ((), {}, project),
        "subfolder": ((), {}, project / "components" / "terraform"),
        "base-path": (("--base-path", str(project)), {}, tmp_path),
        "base-path-variable": ((), {"ATMOS_BASE_PATH": str(project)}, tmp_path),
        "chdir": (("-C", "project"), {}, tmp_path),
        "config-path": ((f"--config-path={tmp_path},{project}",), {}, tmp_path),
    }
    flags, variables, directory = ways[how]
    done = run("describe", "config", "--format", "json", *flags, directory=directory, variables=variables)
    assert json.loads(done.stdout)["basePathAbsolute"] == str(project)


def test_it_works_through_a_symlink_and_from_any_directory(tmp_path: Path) -> None:
    link = tmp_path / "atmos"
    link.symlink_to(ATMOS)
    assert "Atmos 1.226.1" in run("version", directory=Path("/"), program=link).stdout


def test_what_is_not_recorded_exits_64_and_says_what_was_asked_and_what_is_recorded(project: Path) -> None:
    done = run("list", "vendor", "--format", "json", directory=project)
    assert (done.returncode, done.stdout) == (64, "")
    assert "`atmos list vendor --format json`" in done.stderr
    assert "replays what Atmos 1.226.1 answered on the demo project" in done.stderr
    assert "atmos list stacks --format=json" in done.stderr


def test_a_flag_that_would_change_the_answer_is_part_of_the_question(project: Path) -> None:
    assert run("validate", "stacks", "--heatmap", directory=project).returncode == 64
    assert run("--version", directory=project).returncode == 64


def test_an_unknown_scenario_names_the_known_ones(project: Path) -> None:
    done = run("version", directory=project, variables={"ATMOS_REPLAY_SCENARIO": "rain"})
    assert done.returncode == 64
    assert "'rain'" in done.stderr
    assert "broken-yaml" in done.stderr


def describe(component: str, stack: str) -> tuple[str, ...]:
    return ("describe", "component", component, "-s", stack, "--format", "json", *READ)


def plan(component: str, stack: str) -> tuple[str, ...]:
    return ("terraform", "plan", component, "-s", stack, "--", "-input=false", "-lock=false", "-no-color")


LIST_YAML = ("list", "stacks", "--format", "yaml", *READ)
VPC_DEPENDENTS = ("describe", "dependents", "vpc", "-s", "ue1-dev", "--format", "json", *READ)
ALL_STACKS = ("describe", "stacks", "--format", "json", *READ)
PROVENANCE = ("describe", "component", "storefront", "-s", "ue1-dev", "--format", "yaml", *READ)
CONFIG = ("describe", "config", "--format", "json")


@pytest.mark.parametrize(
    ("scenario", "argv", "true"),
    [
        ("broken-yaml", LIST_YAML, False),
        ("broken-yaml", describe("vpc", "ue1-prod"), False),
        ("broken-yaml", plan("vpc", "ue1-prod"), False),
        ("broken-yaml", CONFIG, True),
        ("missing-import", ("validate", "component", "vpc", "-s", "ue1-prod"), False),
        ("wrong-type", LIST_YAML, False),
        ("wrong-type", ("version",), True),
        ("no-project", CONFIG, False),
        ("no-project", ("version",), True),
        ("bad-cidr", LIST_YAML, True),
        ("bad-cidr", VPC_DEPENDENTS, True),
        ("bad-cidr", describe("vpc", "ue1-dev"), False),
        ("bad-cidr", describe("vpc", "ue1-prod"), True),
        ("bad-cidr", describe("database", "ue1-dev"), True),
        ("bad-cidr", PROVENANCE, False),
        ("bad-cidr", ALL_STACKS, False),
        ("bad-cidr", (*ALL_STACKS, "--stack", "ue1-prod"), True),
        ("bad-cidr", (*ALL_STACKS, "--components", "database"), True),
        ("bad-cidr", plan("vpc", "ue1-dev"), False),
        ("bad-cidr", plan("database", "ue1-dev"), True),
        ("single-az-database", plan("database", "ue1-prod"), False),
        ("single-az-database", describe("database", "ue1-dev"), True),
        ("affected", describe("storefront", "ue1-prod"), False),
        ("affected", describe("storefront", "ue1-dev"), True),
        ("bad-cidr", ("describe", "affected", "--base", "main", "--format", "json", *READ), False),
        ("terraform-error", ("validate", "stacks"), True),
        ("terraform-error", plan("vpc", "ue1-prod"), False),
        ("terraform-error", plan("database", "ue1-dev"), True),
    ],
)
def test_a_plain_answer_stands_in_only_where_the_fault_leaves_it_true(
    scenario: str, argv: tuple[str, ...], true: bool, project: Path
) -> None:
    done = run(*argv, directory=project, variables={"ATMOS_REPLAY_SCENARIO": scenario})
    assert done.returncode == (0 if true else 64)
    if not true:
        assert f"in the scenario {scenario}" in done.stderr


def test_affected_is_answered_without_a_scenario_because_nothing_recorded_contradicts_it(project: Path) -> None:
    done = run("describe", "affected", "--base", "main", "--format", "json", *READ, directory=project)
    assert [row["component"] for row in json.loads(done.stdout)] == ["storefront"]


@pytest.mark.parametrize("edit", ["changed", "added", "removed"])
def test_an_edited_project_is_not_answered_with_what_was_true_before(edit: str, project: Path) -> None:
    stack = project / "stacks" / "deploy" / "ue1-prod.yaml"
    if edit == "changed":
        stack.write_text(stack.read_text().replace("replicas: 6", "replicas: 8"))
    elif edit == "added":
        stack.with_name("ue1-test.yaml").write_text(stack.read_text())
    else:
        stack.unlink()
    done = run(*plan("storefront", "ue1-prod"), directory=project)
    assert done.returncode == 64
    assert "is not as it was when Atmos answered" in done.stderr
    assert run("version", directory=project).returncode == 0


def test_files_of_a_plan_and_settings_do_not_count_as_edits(project: Path) -> None:
    with (project / "atmos.yaml").open("a") as settings:
        settings.write("# a comment\n")
    terraform = project / "components" / "terraform" / "vpc"
    (terraform / ".terraform").mkdir()
    (terraform / ".terraform" / "lock.tf").write_text("")
    (terraform / "ue1-dev-vpc.planfile").write_text("")
    assert run("validate", "stacks", directory=project).returncode == 0


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_during_the_delay_ends_it_as_it_ends_atmos(number: int, exit_code: int, project: Path) -> None:
    with subprocess.Popen(
        [str(ATMOS), "mcp", "start"],
        cwd=project,
        env=environment(ATMOS_REPLAY_DELAY="30"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}\n')
        process.stdin.flush()
        assert process.stdout.readline()  # it is up, with its handlers in place
        process.stdin.write(b'{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "x"}}\n')
        process.stdin.flush()
        process.send_signal(number)
        assert process.wait(5) == exit_code


def test_the_delay_is_waited_before_the_answer(project: Path) -> None:
    started = time.monotonic()
    assert run("version", directory=project, variables={"ATMOS_REPLAY_DELAY": "0.3"}).returncode == 0
    assert time.monotonic() - started >= 0.3


def test_a_closed_stdout_ends_it_quietly(project: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [str(ATMOS), *ALL_STACKS], cwd=project, env=environment(), stdout=writer, stderr=subprocess.PIPE
    ) as process:
        os.close(writer)
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(5) == -signal.SIGPIPE


def test_it_needs_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import atmos_ai_sidecar.demo.replayed_atmos.main, "
        "atmos_ai_sidecar.demo.replayed_atmos.mcp_stdio"
    )
    subprocess.run(
        ["python3", "-I", "-S", "-c", code, str(DEMO.parent.parent)], env=environment(), check=True, timeout=10
    )
