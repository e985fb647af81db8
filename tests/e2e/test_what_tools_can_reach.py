"""What a program that a tool has started can find: as itself, an ordinary user, and with real parents."""

import json
import select
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import PATIENCE_SECONDS, Screen
from tests.ordinary_user import ordinary_user

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="other systems have no /proc to look in"),
]

SNOOP = Path(__file__).with_name("snoop.py")
LAST = {"steps": [{"wait_for": "seen"}, "Done looking."]}
SECRET = "sk-ant-canary-5b1f0c77"


class Spied:
    """A project in which one kind of tool starts the snoop."""

    def __init__(self, project: Project, folder: Path) -> None:
        self.project = project
        self.report = folder / "report"
        self.program = folder / "snoop"
        runtime = project.environment["XDG_RUNTIME_DIR"]
        words = (sys.executable, "-I", str(SNOOP), str(self.report), SECRET[::-1], runtime)
        self.program.write_text(f"#!/bin/sh\nexec {shlex.join(words)}\n")
        self.program.chmod(0o700)

    def seen(self, model: OfflineModelProcess) -> dict[str, Any]:
        """What the snoop found, while a question is answered on a real terminal."""
        command: list[str | Path] = [*ordinary_user(), SHIM, "ask", "--yolo", "Look around."]
        with Screen(command, environment=self.project.environment, directory=self.project.directory) as screen:
            end = time.monotonic() + PATIENCE_SECONDS
            while not self.report.exists():
                assert time.monotonic() < end, screen.text
                select.select([], [], [], 0.02)
            model.open_gate("seen")
            screen.wait_for("Done looking.")
            assert screen.exit_code() == 0
        found: dict[str, Any] = json.loads(self.report.read_text())
        return found


@pytest.fixture
def spied(project: Project, tmp_path: Path) -> Spied:
    return Spied(project, tmp_path)


def by_atmos(spied: Spied, model: OfflineModelProcess) -> None:
    spied.project.environment["ATMOS_AI_ATMOS"] = str(spied.program)
    model.add_answers({"steps": [{"tool_use": {"name": "atmos_list_stacks", "input": {}}}]}, LAST)


def by_shell(spied: Spied, model: OfflineModelProcess) -> None:
    spied.project.edit("    blocked:\n      - execute_bash_command\n", "    shell:\n      enabled: true\n")
    call = {"name": "execute_bash_command", "input": {"command": str(spied.program)}}
    model.add_answers({"steps": [{"tool_use": call}]}, LAST)


def by_mcp_server(spied: Spied, model: OfflineModelProcess) -> None:
    servers = f"mcp:\n  enabled: true\n  servers:\n    spy: {{command: '{spied.program}'}}\n"
    spied.project.edit("mcp:\n  enabled: true\n", servers)
    model.add_answers(LAST)


@pytest.mark.parametrize("by", [by_atmos, by_shell, by_mcp_server], ids=["atmos", "shell", "mcp server"])
def test_a_program_of_a_tool_finds_no_token_no_secret_and_no_terminal(
    spied: Spied, model: OfflineModelProcess, by: Any
) -> None:
    by(spied, model)
    spied.project.environment["ANTHROPIC_API_KEY"] = SECRET
    found = spied.seen(model)
    assert found["uid"] != 0
    assert int(found["capabilities"], 16) == 0
    assert not {name for name in found["environment"] if name.startswith(("ANTHROPIC_", "ATMOS_AI_TOKEN"))}
    assert found["tokens"] == []
    assert len(found["sockets"]) == 1  # it is there, and whatever looks like a token in the project does not open it
    assert found["answers"] == ["UNAUTHENTICATED"]
    assert len(found["descriptors"]) <= 4  # its own three, and the listing
    assert not [name for name in found["descriptors"] if "/pts/" in name or "sock" in name.removeprefix("socket:")]
    assert found["processes_with_the_secret"] == []
    family = {kind: parent for parent in found["ancestors"] if (kind := kind_of(parent["command"]))}
    assert {"warden", "sidecar", "shim"} <= set(family)
    for name in ("warden", "sidecar", "shim"):
        read = {what for what, was_read in family[name].items() if was_read}
        assert read == {"command"}, name
    assert found["session_is_its_own"]
    assert found["own_terminal"].startswith("not opened")
    assert "typed" not in found["terminals"].values()


def kind_of(command: list[str]) -> str:
    """Which of our processes has this command line."""
    if "serve" in command:
        return "sidecar"
    if Path(command[0]).name == "atmos-ai":
        return "shim"
    return "warden" if any("warden" in word for word in command) else ""
