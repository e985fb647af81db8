"""A sidecar that stays for later runs, where the user wants one."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.test_process_life import finished_turns, wait_until_journalled

PATIENCE_SECONDS = 15.0


class Warm:
    """Runs of one user who keeps sidecars warm."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = Path(project.environment["XDG_RUNTIME_DIR"], "atmos-ai", "warm")
        project.environment["ATMOS_AI_KEEP_WARM"] = "60s"

    def start(self, *arguments: str, directory: Path | None = None, **variables: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            (str(SHIM), *arguments),
            cwd=directory or self.project.directory,
            env={**self.project.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, directory: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, directory=directory, **variables) as process:
            out, error = process.communicate(timeout=PATIENCE_SECONDS)
        return subprocess.CompletedProcess(arguments, process.returncode, out, error)

    @property
    def states(self) -> list[dict[str, object]]:
        return [json.loads(path.read_text()) for path in sorted(self.folder.glob("*.json"))]

    @property
    def process(self) -> psutil.Process:
        """The one warm sidecar."""
        (state,) = self.states
        return psutil.Process(int(str(state["pid"])))


@pytest.fixture
def warm(demo: Project) -> Iterator[Warm]:
    warm = Warm(demo)
    yield warm
    assert warm.run("sidecar", "stop", "--all").returncode == 0
    assert not warm.states


def test_later_runs_attach_and_bring_their_own_environment(warm: Warm) -> None:
    assert "ue1-prod" in warm.run("exec", "Which stacks are there?").stdout
    first = warm.process
    assert "ue1-prod" in warm.run("exec", "Which stacks are there?", directory=warm.project.directory / "stacks").stdout
    elsewhere = warm.run("exec", "Which stacks are there?", ANTHROPIC_BASE_URL="http://127.0.0.1:9")
    assert elsewhere.returncode == 1
    assert "http://127.0.0.1:9" in elsewhere.stderr
    assert warm.process == first


def test_state_is_private_and_holds_no_more_than_is_needed(warm: Warm) -> None:
    warm.run("sessions", "list")
    (path,) = warm.folder.glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert warm.folder.stat().st_mode & 0o777 == 0o700
    assert set(json.loads(path.read_text())) == {
        *("address", "instance_id", "pid", "process_start", "project", "server_version", "token")
    }


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("ATMOS_AI_KEEP_WARM", ""), ("ATMOS_AI_KEEP_WARM", "off")])
def test_no_sidecar_stays_where_nobody_asked_or_under_ci(warm: Warm, name: str, value: str) -> None:
    warm.project.environment[name] = value
    assert warm.run("sessions", "list").returncode == 0
    assert not warm.states


def test_own_configuration_file_asks_too_and_a_project_cannot(warm: Warm) -> None:
    del warm.project.environment["ATMOS_AI_KEEP_WARM"]
    (warm.project.directory / "config.yaml").write_text("keep_warm: 60s\n")
    warm.run("sessions", "list")
    assert not warm.states
    file = warm.project.home / ".config" / "atmos-ai" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# mine\nkeep_warm: 60s # a minute\n")
    warm.run("sessions", "list")
    assert len(warm.states) == 1
    refused = warm.run("sessions", "list", ATMOS_AI_KEEP_WARM="soon")
    assert refused.returncode == 1
    assert "ATMOS_AI_KEEP_WARM" in refused.stderr


def test_racing_starts_make_one_sidecar_and_all_are_served(warm: Warm) -> None:
    with ThreadPoolExecutor(50) as threads:
        done = list(threads.map(lambda _: warm.run("sessions", "list"), range(50)))
    assert {run.returncode for run in done} == {0}
    assert warm.process.is_running()


def test_each_project_has_its_own_and_a_run_that_chooses_another_shares_none(warm: Warm, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "atmos.yaml").write_text((warm.project.directory / "atmos.yaml").read_text())
    warm.run("sessions", "list")
    warm.run("sessions", "list", directory=other)
    assert sorted(str(state["project"]) for state in warm.states) == sorted(map(str, (warm.project.directory, other)))
    warm.run("sidecar", "stop", "--all")
    warm.run("--chdir", str(other), "sessions", "list")
    assert not warm.states


def test_it_leaves_when_nobody_has_called_for_a_while(warm: Warm) -> None:
    warm.run("sessions", "list", ATMOS_AI_KEEP_WARM="0.3s")
    if warm.states:
        warm.process.wait(PATIENCE_SECONDS)
    assert [path.name for path in warm.folder.parent.iterdir()] == ["warm"]


def test_killed_sidecar_is_cleaned_up_and_replaced(warm: Warm) -> None:
    warm.run("sessions", "list")
    first = warm.process
    first.kill()
    first.wait(PATIENCE_SECONDS)
    assert warm.run("sessions", "list").returncode == 0
    assert warm.process != first
    assert len(list(warm.folder.parent.iterdir())) == 2  # the folder of the state, and that of the living one


def test_process_that_got_the_number_of_a_dead_one_is_left_alone(warm: Warm) -> None:
    warm.run("sessions", "list")
    (path,) = warm.folder.glob("*.json")
    left = path.read_text()
    warm.run("sidecar", "stop")
    with subprocess.Popen(("sleep", "60")) as stranger:
        path.write_text(json.dumps({**json.loads(left), "pid": stranger.pid}))
        path.chmod(0o600)
        assert warm.run("sidecar", "status", "--format", "json").stdout.strip() == "[]"
        assert warm.run("sidecar", "stop", "--all").returncode == 0
        assert warm.run("sessions", "list").returncode == 0
        assert stranger.poll() is None
        assert warm.process.pid != stranger.pid
        stranger.kill()


def test_killed_shim_ends_its_run_and_not_the_sidecar(warm: Warm, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["The CIDR is", {"wait_for": "never"}]})
    warm.run("sessions", "list")
    sidecar = warm.process
    with warm.start("ask", "Hello") as shim:
        wait_until_journalled(warm.project, "The CIDR is")
        shim.kill()
    wait_until(lambda: finished_turns(warm.project) == ["cancelled"])
    assert warm.process == sidecar
    assert warm.run("sessions", "list").returncode == 0


def test_unlinked_lock_is_noticed_and_nobody_is_kept_out(warm: Warm) -> None:
    warm.run("sessions", "list")
    first = warm.process
    (lock,) = warm.folder.glob("*.lock")
    lock.unlink()
    assert warm.run("sessions", "list").returncode == 0
    first.wait(PATIENCE_SECONDS)
    assert warm.process.is_running()


def test_sidecar_that_is_stopped_does_not_hold_up_other_runs(warm: Warm) -> None:
    warm.run("sessions", "list")
    sidecar = warm.process
    sidecar.send_signal(signal.SIGSTOP)
    try:
        assert warm.run("sessions", "list").returncode == 0
        stuck = warm.run("sidecar", "stop")
        assert stuck.returncode == 1
        assert "--force" in stuck.stderr
    finally:
        assert warm.run("sidecar", "stop", "--force").returncode == 0
    assert not sidecar.is_running() or sidecar.status() == psutil.STATUS_ZOMBIE


def test_no_tool_reads_the_token_that_it_leaves(warm: Warm) -> None:
    warm.run("sessions", "list")
    (path,) = warm.folder.glob("*.json")
    calls = (("file_read", f"path={path}"), ("execute_bash_command", f"command=cat {path}"))
    for tool, value in calls:
        explained = warm.run("--yolo", "permissions", "explain", tool, value, "--format", "json")
        assert json.loads(explained.stdout)["decision"] == "deny", explained


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        os.sched_yield()
