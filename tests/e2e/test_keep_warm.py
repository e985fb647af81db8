"""A sidecar that stays for later runs, where the user wants one."""

import fcntl
import json
import os
import shutil
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
from tests.e2e.test_tool_life import use_atmos
from tests.processes import wait_dead

PATIENCE_SECONDS = 15.0
SURROUNDINGS = """
import json, os, sys, time
from pathlib import Path

if "list" in sys.argv:
    meeting = Path(os.environ["MEETING"])
    (meeting / os.environ["AWS_PROFILE"]).touch()
    while len(list(meeting.iterdir())) < 2:
        time.sleep(0.01)
    umask = os.umask(0)
    names = ("AWS_PROFILE", "TERM", "LC_ALL", "PATH", "ANTHROPIC_API_KEY")
    print(json.dumps({"umask": umask, "directory": os.getcwd()} | {name: os.environ.get(name) for name in names}))
"""
"""An atmos that tells what it was started with, when two have been started."""


class Warm:
    """Runs of one user who keeps sidecars warm."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.folder = Path(project.environment["XDG_RUNTIME_DIR"], "atmos-ai", "warm")
        project.environment["ATMOS_AI_KEEP_WARM"] = "60s"

    def start(
        self, *arguments: str, directory: Path | None = None, umask: int = 0o022, **variables: str
    ) -> subprocess.Popen[str]:
        return subprocess.Popen(
            (str(SHIM), *arguments),
            umask=umask,
            cwd=directory or self.project.directory,
            env={**self.project.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, directory: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, directory=directory, umask=0o022, **variables) as process:
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


def test_runs_at_the_same_time_keep_their_keys_folders_and_environments_apart(
    warm: Warm, model: OfflineModelProcess
) -> None:
    use_atmos(warm.project, SURROUNDINGS)
    meeting = warm.project.home / "meeting"
    meeting.mkdir()
    call = {"steps": [{"tool_use": {"name": "execute_atmos_command", "input": {"arguments": ["list", "stacks"]}}}]}
    model.add_answers(call, call, {"steps": ["Done."]}, {"steps": ["Done."]})
    runs = {
        name: warm.start(
            *("exec", "Where am I?", "--format", "json", "--yolo"),
            directory=directory,
            umask=umask,
            ANTHROPIC_API_KEY=f"key-of-{name}",
            AWS_PROFILE=name,
            LC_ALL=locale,
            TERM=f"xterm-{name}",
            PATH=f"{warm.project.environment['PATH']}:/of-{name}",
            MEETING=str(meeting),
        )
        for name, directory, umask, locale in (
            ("one", warm.project.directory, 0o077, "C"),
            ("two", warm.project.directory / "stacks", 0o027, "C.UTF-8"),
        )
    }
    for name, run in runs.items():
        out, error = run.communicate(timeout=PATIENCE_SECONDS)
        assert run.returncode == 0, error
        seen = json.loads(json.loads(out)["tool_calls"][0]["result"])
        umask, locale = {"one": (0o077, "C"), "two": (0o027, "C.UTF-8")}[name]
        assert (seen["AWS_PROFILE"], seen["TERM"], seen["LC_ALL"]) == (name, f"xterm-{name}", locale)
        assert seen["PATH"].endswith(f":/of-{name}")
        assert seen["umask"] == umask
        assert seen["ANTHROPIC_API_KEY"] is None
    keys = [request["headers"]["authorization"] for request in model.requests()]
    assert sorted(keys) == ["Bearer key-of-one"] * 2 + ["Bearer key-of-two"] * 2
    assert len(warm.states) == 1


def test_changed_configuration_counts_for_the_next_run(warm: Warm) -> None:
    def shown() -> str:
        return warm.run("permissions", "explain", "atmos_list_stacks", "--format", "json").stdout

    before = json.loads(shown())["decision"]
    first = warm.process
    warm.project.edit("    blocked:\n", "    blocked:\n      - atmos_list_stacks\n")
    assert (before, json.loads(shown())["decision"]) == ("allow", "deny")
    assert warm.process == first


def test_state_that_cannot_be_believed_is_replaced(warm: Warm, tmp_path: Path) -> None:
    def plant_garbage(path: Path) -> None:
        path.write_bytes(b"\xff{")

    def plant_link(path: Path) -> None:
        path.rename(tmp_path / "theirs")
        path.symlink_to(tmp_path / "theirs")

    def open_to_others(path: Path) -> None:
        path.chmod(0o644)

    def remove_folder(path: Path) -> None:
        shutil.rmtree(path.parent)

    warm.run("sessions", "list")
    for damage in (plant_garbage, plant_link, open_to_others, remove_folder):
        former = kill(warm)
        (path,) = warm.folder.glob("*.json")
        damage(path)
        assert warm.run("sessions", "list").returncode == 0
        assert warm.process != former
        (path,) = warm.folder.glob("*.json")
        assert not path.is_symlink()
        assert path.stat().st_mode & 0o777 == 0o600


def test_state_is_private_and_holds_no_more_than_is_needed(warm: Warm) -> None:
    warm.run("sessions", "list")
    (path,) = warm.folder.glob("*.json")
    assert path.stat().st_mode & 0o777 == 0o600
    assert warm.folder.stat().st_mode & 0o777 == 0o700
    assert set(json.loads(path.read_text())) == {
        *("address", "installed", "instance_id", "pid", "process_start", "project", "server_version", "token")
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
        # Fifty programs at once take what they take on two processors that have other things to do.
        done = list(threads.map(lambda _: warm.run("sessions", "list", ATMOS_AI_START_TIMEOUT="60"), range(50)))
    assert {run.returncode for run in done} == {0}, {run.stderr for run in done}
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
        wait_dead(warm.process)
    assert [path.name for path in warm.folder.parent.iterdir()] == ["warm"]


def test_killed_sidecar_is_cleaned_up_and_replaced(warm: Warm) -> None:
    warm.run("sessions", "list")
    first = kill(warm)
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
    wait_dead(first)
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
    wait_dead(sidecar)


def test_no_tool_reads_the_token_that_it_leaves(warm: Warm) -> None:
    warm.run("sessions", "list")
    (path,) = warm.folder.glob("*.json")
    calls = (("file_read", f"path={path}"), ("execute_bash_command", f"command=cat {path}"))
    for tool, value in calls:
        explained = warm.run("--yolo", "permissions", "explain", tool, value, "--format", "json")
        assert json.loads(explained.stdout)["decision"] == "deny", explained


def kill(warm: Warm) -> psutil.Process:
    """Kills the warm sidecar; returns when its lock is free, which is later than when it is dead."""
    (path,) = warm.folder.glob("*.lock")

    def is_free() -> bool:
        with path.open() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    killed = warm.process
    killed.kill()
    wait_until(is_free)
    return killed


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        os.sched_yield()
