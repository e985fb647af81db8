import os
import shutil
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import atmos_ai_sidecar.demo
from atmos_ai_sidecar.adapters.atmos.command_line import AtmosCommandLine, find_atmos, tool_environment
from atmos_ai_sidecar.adapters.atmos.tools import atmos_tools
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.adapters.local_tools.program_runner import WardenedRunner
from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Execution, OutputPiece, Result, Tool

DEMO = Path(atmos_ai_sidecar.demo.__file__).parent
REPLAYED = str(DEMO / "bin" / "atmos")


@dataclass
class Recorded:
    """The real runner, and what it was asked to run."""

    runner: WardenedRunner = field(default_factory=lambda: WardenedRunner(clock=SystemClock()))
    programs: list[Program] = field(default_factory=list)

    async def run(self, program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
        self.programs.append(program)
        return await self.runner.run(program, emit)

    def commands(self) -> Sequence[str]:
        return [" ".join(program.arguments[1:]) for program in self.programs]


@dataclass
class Project:
    """The demo project in a folder of its own, and its tools."""

    directory: Path
    atmos: AtmosCommandLine
    recorded: Recorded
    shown: list[OutputPiece] = field(default_factory=list)

    def tool(self, name: str) -> Tool:
        territory = Territory(directory=str(self.directory), roots=(str(self.directory),))
        tools = atmos_tools(self.atmos, territory, TreeSitterCommandParser().parse)
        return next(tool for tool in tools if tool.name == name)

    async def call(self, name: str, **values: Any) -> Result:
        execution = Execution(tool_call_id="call-1", session_id="session-1", emit=self.shown.append)
        return await self.tool(name).execute(values, execution)

    def planfiles(self) -> Sequence[str]:
        return [path.name for path in self.directory.rglob("*.planfile")]


Open = Callable[..., Project]
Call = Callable[..., Awaitable[Result]]


def _open(directory: Path, executable: str, scenario: str, environment: Mapping[str, str]) -> Project:
    recorded = Recorded()
    values = {"PATH": os.environ["PATH"], "HOME": str(directory), "ATMOS_AI_ATMOS": executable, **environment}
    if scenario:
        values["ATMOS_REPLAY_SCENARIO"] = scenario
    atmos = AtmosCommandLine(
        executable=find_atmos(values),
        project_directory=str(directory),
        environment=tool_environment(values),
        runner=recorded,
    )
    return Project(directory=directory, atmos=atmos, recorded=recorded)


@pytest.fixture
def open_project(tmp_path: Path) -> Open:
    """Opens the demo project with the replayed Atmos, in a scenario where one is named."""
    directory = tmp_path / "project"
    shutil.copytree(DEMO / "project", directory)

    def open_it(scenario: str = "", **environment: str) -> Project:
        return _open(directory, REPLAYED, scenario, environment)

    return open_it


REAL = os.environ.get("ATMOS_AI_TEST_ATMOS", "")


@pytest.fixture(params=["replayed", "real"] if REAL else ["replayed"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    """The demo project, with the replayed Atmos always and with a real one where ATMOS_AI_TEST_ATMOS names it."""
    executable = REPLAYED if request.param == "replayed" else REAL
    directory = tmp_path / "project"
    shutil.copytree(DEMO / "project", directory)
    if request.param == "real":
        subprocess.run(["git", "init", "--quiet", str(directory)], check=True)
    return _open(directory, executable, "", {})
