import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.adapters.local_tools.shell import Bash, shell_tool
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.grants import smallest_grant
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.permissions import DecisionKind, ListEntry, Mode, PermissionSettings, decide
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, ExecutionClass, OutputPiece, Result
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError

ANY = PermissionSettings(allowed=(ListEntry(pattern="execute_*"),))


@dataclass
class Recorded:
    programs: list[Program] = field(default_factory=list)

    async def run(self, program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
        self.programs.append(program)
        return await WardenedRunner(clock=SystemClock()).run(program, emit)


class Project:
    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory = directory.resolve()
        self.recorded = Recorded()
        bash = Bash(runner=self.recorded, environment={"PATH": os.defpath, **environment})
        state = str(directory / "state")
        territory = Territory(directory=str(directory), roots=(str(directory),), hidden=(state,))
        self.tool = shell_tool(bash, territory, TreeSitterCommandParser().parse)

    def demand(self, command: str, **more: Any) -> Demand:
        return self.tool.demand({"command": command, **more})

    def decision(self, command: str, settings: PermissionSettings = ANY) -> DecisionKind:
        return decide(self.tool, {"command": command}, settings).kind

    async def run(self, command: str, **more: Any) -> Result:
        execution = Execution(tool_call_id="call-1", session_id="session-1", emit=lambda _piece: None)
        async with asyncio.timeout(5):
            return await self.tool.execute({"command": command, **more}, execution)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    directory = tmp_path.resolve() / "project"
    (directory / "stacks").mkdir(parents=True)
    (directory / "away").symlink_to("/etc")
    return Project(directory)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("ls", "allow"),
        ("ls stacks | wc -l", "allow"),
        ("cat stacks/a.yaml 2>/dev/null", "allow"),
        ("terraform plan", "allow"),
        ("terraform apply", "ask"),
        ("ls && terraform destroy", "ask"),
        ("ls > listing", "ask"),
        ("ls $(pwd)", "ask"),
        ("cat /etc/hosts", "ask"),
        ("cat ../other", "ask"),
        ("cat ~/notes", "ask"),
        ("cat ~nobody-like-that/notes", "ask"),
        ("cat away/hosts", "ask"),
        ("cd stacks && cat ../../other", "ask"),
        ("cat .env", "ask"),
        ("", "ask"),
        ("atmos ai chat", "deny"),
        ("sudo atmos mcp start", "deny"),
        ("cat state/key", "deny"),
        ("cat /proc/1/environ", "deny"),
        ("rm .git/config", "deny"),
    ],
)
def test_a_list_pattern_allows_what_only_reads_or_plans_inside_the_project(
    project: Project, command: str, expected: str
) -> None:
    assert project.decision(command) == expected


@pytest.mark.parametrize("command", ["cat /etc/hosts", "ls > listing", "eval ls"])
def test_what_is_in_doubt_asks_although_confirmation_is_switched_off(project: Project, command: str) -> None:
    assert project.decision(command, PermissionSettings(mode=Mode.ALLOW)) is DecisionKind.ASK
    assert project.decision("touch other", PermissionSettings(mode=Mode.ALLOW)) is DecisionKind.ALLOW


def test_a_read_only_run_denies_what_does_more_than_read(project: Project) -> None:
    settings = PermissionSettings(read_only=True)
    kinds = [project.decision(command, settings) for command in ("ls", "ls > listing", "terraform plan", "touch x")]
    assert kinds == [DecisionKind.ASK, DecisionKind.DENY, DecisionKind.DENY, DecisionKind.DENY]


@pytest.mark.parametrize(
    "command",
    [
        "touch atmos.yaml",
        "touch ATMOS.yaml",
        "echo x >> atmos.yaml",
        "cat a > stacks/../atmos.yaml",
        "sed -i s/a/b/ atmos.yaml",
        "cp atmos.yaml x && tee atmos.yaml",
        "sudo timeout 5 bash -c 'mv x atmos.yaml'",
        "cd .atmos.d && touch x.yaml",
        "cp x.yaml .atmos.d",
        "rm -rf .atmos.d",
        "git checkout atmos.yaml",
        "touch linked.yaml",
        "python3 fix.py atmos.yaml",
    ],
)
def test_no_command_changes_what_configures_atmos_also_under_yolo(project: Project, command: str) -> None:
    (project.directory / "linked.yaml").symlink_to("atmos.yaml")
    assert project.decision(command, PermissionSettings(yolo=True)) is DecisionKind.DENY


@pytest.mark.parametrize("command", ["git add atmos.yaml", "cat atmos.yaml && terraform apply", "touch atmos.yaml.txt"])
def test_a_command_that_only_names_what_configures_atmos_may_run(project: Project, command: str) -> None:
    assert project.decision(command, PermissionSettings(yolo=True)) is DecisionKind.ALLOW


def test_a_rule_for_paths_sees_where_words_lead(project: Project) -> None:
    (project.directory / "link").symlink_to("stacks")
    deny = PermissionRule(decision=DecisionKind.DENY, paths=("stacks/prod/**",))
    settings = PermissionSettings(yolo=True, rules=RuleBook([deny]))
    for command, kind in (
        ("touch stacks/prod/a.yaml", DecisionKind.DENY),
        ("touch Stacks/PROD/a.yaml", DecisionKind.DENY),
        ("touch link/prod/a.yaml", DecisionKind.DENY),
        ("cd link && touch prod/a.yaml", DecisionKind.DENY),
        ("rm -r link", DecisionKind.ASK),
        ("rm -r .", DecisionKind.ASK),
        ("touch stacks/dev/a.yaml", DecisionKind.ALLOW),
        ("ls", DecisionKind.ALLOW),
    ):
        assert project.decision(command, settings) is kind, command


def test_yolo_does_not_reach_below_the_floor(project: Project) -> None:
    assert project.decision("ls; cat state/key", PermissionSettings(yolo=True)) is DecisionKind.DENY
    many = "ls " + " ".join(f"a{number}" for number in range(1001))
    assert project.decision(many, PermissionSettings(yolo=True)) is DecisionKind.DENY


@pytest.mark.parametrize(
    ("command", "remembers"),
    [
        ("ls", True),
        ("terraform apply", True),
        ("ls | wc", False),
        ("env ls", False),
        ("python3 x.py", False),
        ("terraform destroy", False),
        ("cat /etc/hosts", False),
    ],
)
def test_always_is_offered_only_for_one_simple_command(project: Project, command: str, remembers: bool) -> None:
    decision = decide(project.tool, {"command": command}, PermissionSettings())
    assert (decision.kind, decision.can_remember) == (DecisionKind.ASK, remembers)


def test_a_remembered_command_covers_no_other(project: Project) -> None:
    grant = smallest_grant(project.tool, {"command": "terraform apply"}, allow=True)
    settings = PermissionSettings(grants=(grant,))
    assert project.decision("terraform apply", settings) is DecisionKind.ALLOW
    assert project.decision("terraform apply -auto-approve", settings) is DecisionKind.ASK
    in_folder = {"command": "terraform apply", "working_dir": "stacks"}
    assert decide(project.tool, in_folder, settings).kind is DecisionKind.ASK


@pytest.mark.parametrize(
    ("command", "effect", "command_class", "timeout"),
    [
        ("ls", Effect.READ, "read", 120),
        ("printenv", Effect.EXECUTE, "secret-read", 120),
        ("terraform plan", Effect.EXECUTE, "plan", 1200),
        ("terraform apply", Effect.EXECUTE, "mutate", None),
        ("some-program", Effect.EXECUTE, "unknown", None),
    ],
)
def test_the_demand_follows_the_class(
    project: Project, command: str, effect: Effect, command_class: str, timeout: float | None
) -> None:
    demand = project.demand(command)
    assert (demand.effect, demand.timeout_seconds) == (effect, timeout)
    assert demand.command_class is CommandClass(command_class)


@pytest.mark.parametrize("values", [{}, {"command": 7}, {"command": "cat a\0b"}, {"command": "cat '\ud800'"}])
def test_a_demand_is_there_for_any_input(project: Project, values: dict[str, Any]) -> None:
    assert project.tool.demand(values).must_ask


async def test_output_errors_and_exit_code_are_reported(project: Project) -> None:
    result = await project.run("echo out; echo err >&2; exit 3")
    assert (result.success, result.exit_code) == (False, 3)
    assert result.output == "The command failed with exit code 3.\nout\nerr"


async def test_it_runs_in_the_project_or_in_a_folder_of_it(project: Project) -> None:
    assert (await project.run("pwd")).output == str(project.directory)
    assert (await project.run("pwd", working_dir="stacks")).output == str(project.directory / "stacks")


@pytest.mark.parametrize("folder", ["..", "/", "away", "state", "a\0b"])
async def test_a_folder_outside_of_the_project_is_refused(project: Project, folder: str) -> None:
    assert project.demand("ls", working_dir=folder).forbidden
    with pytest.raises(InvalidFieldError):
        await project.run("ls", working_dir=folder)
    assert project.recorded.programs == []


@pytest.mark.parametrize("command", ["", "  ", "echo a\0b", "echo \ud800"])
async def test_a_command_that_no_program_can_be_given_is_refused(project: Project, command: str) -> None:
    with pytest.raises(InvalidFieldError):
        await project.run(command)
    assert project.recorded.programs == []


async def test_the_callers_functions_and_start_files_do_not_run(tmp_path: Path) -> None:
    (tmp_path / "start.sh").write_text("echo started")
    (tmp_path / "ls").write_text("#!/bin/sh\necho of the project\n")
    (tmp_path / "ls").chmod(0o755)
    environment = {
        "BASH_ENV": "start.sh",
        "BASH_FUNC_ls%%": "() { echo replaced; }",
        "SHELLOPTS": "xtrace",
        "PS4": "$(echo traced)",
        "PATH": f".::{os.defpath}",
    }
    result = await Project(tmp_path, **environment).run("ls start.sh")
    assert (result.output, result.success) == ("start.sh", True)


async def test_a_command_that_begins_with_a_dash_is_no_option(project: Project) -> None:
    assert (await project.run("-i")).exit_code == 127


async def test_what_may_change_something_is_left_to_finish(project: Project) -> None:
    await project.run("ls")
    await project.run("touch made")
    classes = [program.execution_class for program in project.recorded.programs]
    assert classes == [ExecutionClass.READ, ExecutionClass.MUTATE]


async def test_without_bash_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ToolExecutionFailedError, match=r"ai\.tools\.shell"):
        await Project(tmp_path, PATH="").run("ls")
