"""Processes that are killed, interrupted and hung up: nothing is left behind, and nothing that was said is lost."""

import json
import os
import select
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import PATIENCE_SECONDS, Screen
from tests.processes import wait_dead

pytestmark = pytest.mark.e2e


@contextmanager
def shim(project: Project, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        (SHIM, *arguments),
        cwd=project.directory,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until_journalled(project: Project, text: str) -> None:
    """Waits until the sidecar has made the text durable: from then on it may die."""
    end = time.monotonic() + PATIENCE_SECONDS
    while text not in "".join(journal(project)):
        assert time.monotonic() < end, journal(project)
        select.select([], [], [], 0.01)


def journal(project: Project) -> list[str]:
    """Every event of every turn, as JSON."""
    if not project.database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"file:{project.database}?mode=ro", uri=True)) as database:
            return [row[0] for row in database.execute("SELECT event FROM events ORDER BY session_id, seq")]
    except sqlite3.OperationalError:  # it is being created
        return []


def sidecar_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    return next(child for child in psutil.Process(process.pid).children() if "serve" in child.cmdline())


def runtime_folders(project: Project) -> list[Path]:
    return list(Path(project.environment["XDG_RUNTIME_DIR"], "atmos-ai").iterdir())


def finished_turns(project: Project) -> list[str]:
    """The stop reasons of all turns, in order."""
    return [event["stop_reason"] for event in map(json.loads, journal(project)) if "stop_reason" in event]


HALF = {"steps": ["The CIDR is", {"wait_for": "never"}]}


def test_killed_shim_leaves_no_sidecar_socket_or_folder(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers(HALF)
    with shim(project, "ask", "Hello") as process:
        wait_until_journalled(project, "The CIDR is")
        sidecar = sidecar_of(process)
        assert runtime_folders(project)
        process.send_signal(signal.SIGKILL)
        wait_dead(sidecar)
    assert runtime_folders(project) == []
    assert finished_turns(project) == ["cancelled"]


def test_killed_sidecar_is_told_with_exit_70_and_its_words_are_kept(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers(HALF)
    with shim(project, "ask", "Hello", "--session", "s") as process:
        wait_until_journalled(project, "The CIDR is")
        sidecar_of(process).kill()
        _, stderr = process.communicate(timeout=10)
        assert process.returncode == 70
    assert b"ended unexpectedly" in stderr
    assert runtime_folders(project) == []
    model.add_answers("10.20.0.0/16.")
    with shim(project, "ask", "Go on.", "--session", "s") as process:
        stdout, stderr = process.communicate(timeout=20)
        assert process.returncode == 0, stderr
    assert b"10.20.0.0/16." in stdout
    messages = model.requests()[-1]["json"]["messages"]
    said = json.dumps(messages)
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert "The CIDR is" in said
    assert "Go on." in said
    assert finished_turns(project) == ["interrupted", "end_turn"]


def test_killed_shim_ends_the_tool_that_was_running(project: Project, model: OfflineModelProcess) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    model.add_answers({"steps": ["Looking.", {"tool_use": {"name": "atmos_list_stacks", "input": {}}}]})
    with shim(project, "ask", "Which stacks?") as process:
        wait_until_journalled(project, "Looking.")
        tool = wait_for_tool(sidecar_of(process))
        process.send_signal(signal.SIGKILL)
        wait_dead(tool)


def wait_for_tool(sidecar: psutil.Process) -> psutil.Process:
    """The replayed atmos below the sidecar, as soon as it runs."""
    for _ in range(100_000):
        for child in sidecar.children(recursive=True):
            try:
                if any(word.endswith("bin/atmos") for word in child.cmdline()):
                    return child
            except psutil.Error:
                continue
    raise AssertionError


@pytest.mark.parametrize("to_group", [False, True], ids=["shim", "group"])
@pytest.mark.parametrize(("name", "code"), [("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)])
def test_signal_to_the_shim_or_its_group_ends_everything_with_its_own_code(
    project: Project, model: OfflineModelProcess, name: str, code: int, to_group: bool
) -> None:
    model.add_answers(HALF)
    with shim(project, "ask", "Hello") as process:
        wait_until_journalled(project, "The CIDR is")
        sidecar = sidecar_of(process)
        (os.killpg if to_group else os.kill)(process.pid, getattr(signal, name))
        process.communicate(timeout=10)
        assert process.returncode == code
        wait_dead(sidecar)
    assert runtime_folders(project) == []
    assert finished_turns(project) == ["cancelled"]


def test_sidecar_that_is_asked_to_end_ends_in_order(project: Project, model: OfflineModelProcess) -> None:
    model.add_answers(HALF)
    with shim(project, "ask", "Hello") as process:
        wait_until_journalled(project, "The CIDR is")
        sidecar = sidecar_of(process)
        sidecar.terminate()
        process.communicate(timeout=10)
        assert process.returncode != 0
        wait_dead(sidecar)
    assert finished_turns(project) == ["cancelled"]
    assert runtime_folders(project) == []


def test_key_of_the_model_is_not_given_to_tools_nor_found_in_any_command_line(
    project: Project, model: OfflineModelProcess
) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    project.environment["ANTHROPIC_API_KEY"] = "sk-canary-0123456789"
    model.add_answers({"steps": ["Looking.", {"tool_use": {"name": "atmos_list_stacks", "input": {}}}]})
    with shim(project, "ask", "Which stacks?") as process:
        wait_until_journalled(project, "Looking.")
        tool = wait_for_tool(sidecar_of(process))
        assert "sk-canary" not in json.dumps(tool.environ())
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True), tool]
        lines = [" ".join(member.as_dict(["cmdline"], ad_value=None)["cmdline"] or ()) for member in family]
        for part in ("atmos-ai ask", "serve", "warden.py", "bin/atmos"):
            assert any(part in line for line in lines), lines
        assert "sk-canary" not in "\n".join(lines)


@pytest.mark.parametrize("at_question", [False, True])
def test_killed_shim_of_a_chat_leaves_nothing_behind_and_settles_its_question(
    project: Project, model: OfflineModelProcess, at_question: bool
) -> None:
    plan = {"tool_use": {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}}
    model.add_answers({"steps": [plan]})
    with Screen([SHIM, "chat"], environment=project.environment, directory=project.directory) as screen:
        screen.wait_for("ready, /help")
        if at_question:
            screen.submit("Plan it.")
            screen.wait_for("may this run")
        shim = psutil.Process(int(screen.process.pid or 0))
        sidecar = next(child for child in shim.children() if "serve" in child.cmdline())
        shim.kill()
        wait_dead(sidecar)
    assert runtime_folders(project) == []
    with closing(sqlite3.connect(project.database)) as database:
        outcomes = [row[0] for row in database.execute("SELECT outcome FROM permission_requests")]
    assert outcomes == (["cancelled"] if at_question else [])


def test_nothing_is_left_of_a_chat_whose_shim_and_sidecar_are_both_killed(
    project: Project, model: OfflineModelProcess
) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    model.add_answers({"steps": ["Looking.", {"tool_use": {"name": "atmos_list_stacks", "input": {}}}]})
    with shim(project, "ask", "Which stacks?") as process:
        wait_until_journalled(project, "Looking.")
        sidecar = sidecar_of(process)
        tool = wait_for_tool(sidecar)
        process.kill()
        sidecar.kill()
        wait_dead(tool)
