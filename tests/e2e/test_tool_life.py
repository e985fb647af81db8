"""Tools whose sidecar or shim is killed, and secrets that pass through everything."""

import json
import secrets
import select
import string
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import SHIM, Project
from tests.e2e.test_process_life import shim, sidecar_of
from tests.processes import wait_dead

pytestmark = pytest.mark.e2e

ATMOS = """
import os, signal, subprocess, sys, time
from pathlib import Path

if "apply" in sys.argv:
    signal.signal(signal.SIGINT, lambda *_: os.write(1, b"Interrupt received, winding down.\\n"))
    print("Acquiring state lock.", flush=True)
    Path("lock").write_text(str(os.getpid()))
    while not Path("go-on").exists():
        time.sleep(0.01)
    Path("lock").unlink()
    Path("applied").write_text("once" if not Path("applied").exists() else "twice")
    print("Apply complete!")
else:
    deaf = (
        "import os, signal, time; [signal.signal(s, signal.SIG_IGN) for s in (2, 15)];"
        "open('plan', 'w').write(str(os.getpid())); time.sleep(600)"
    )
    subprocess.Popen([sys.executable, "-c", deaf], start_new_session=True)
    time.sleep(600)
"""
APPLY = {"name": "execute_atmos_command", "input": {"arguments": ["terraform", "apply", "vpc", "-s", "ue1-dev"]}}
PLAN = {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}


def use_atmos(project: Project, code: str) -> None:
    """Puts a program of the test in the place of atmos."""
    path = project.home / "atmos"
    path.write_text(f"#!{sys.executable} -I\n{code}")
    path.chmod(0o700)
    project.environment["ATMOS_AI_ATMOS"] = str(path)


def wait_until(holds: Callable[[], object], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        select.select([], [], [], 0.01)


def pid_in(path: Path) -> psutil.Process:
    wait_until(lambda: path.exists() and path.read_text())
    return psutil.Process(int(path.read_text()))


@pytest.mark.parametrize("victim", ["sidecar", "shim"])
def test_an_apply_survives_and_its_outcome_is_told_at_the_next_start_and_it_never_runs_again(
    project: Project, model: OfflineModelProcess, victim: str
) -> None:
    use_atmos(project, ATMOS)
    model.add_answers({"steps": [{"tool_use": APPLY}]})
    with shim(project, "ask", "--yolo", "--session", "s", "Apply vpc.") as process:
        terraform = pid_in(project.directory / "lock")
        sidecar = sidecar_of(process)
        (sidecar if victim == "sidecar" else process).kill()
        process.communicate(timeout=10)
        wait_dead(sidecar)
    assert terraform.is_running()
    assert "is still running after" in project.run(SHIM, "tools", "running").stdout
    (project.directory / "go-on").touch()
    wait_dead(terraform)
    wait_until(lambda: "ended with exit code 0" in project.run(SHIM, "tools", "running").stdout)
    model.add_answers("It is applied.")
    again = project.run(SHIM, "ask", "--session", "s", "And?")
    assert again.returncode == 0, again.stderr
    told = json.dumps(model.requests()[-1]["json"]["messages"])
    assert "was left to finish and ended with exit code 0" in told
    assert "Apply complete!" in told
    assert (project.directory / "applied").read_text() == "once"
    assert project.run(SHIM, "tools", "running").stdout == ""


def test_nothing_is_left_of_a_plan_whose_shim_and_sidecar_are_killed(
    project: Project, model: OfflineModelProcess
) -> None:
    use_atmos(project, ATMOS)
    model.add_answers({"steps": [{"tool_use": PLAN}]})
    with shim(project, "ask", "--yolo", "Plan vpc.") as process:
        deaf = pid_in(project.directory / "plan")
        sidecar = sidecar_of(process)
        process.kill()
        sidecar.kill()
        process.communicate(timeout=10)
        wait_dead(deaf)


def random_text(length: int) -> str:
    alphabet = string.ascii_letters + string.digits
    return "x9Z" + "".join(secrets.choice(alphabet) for _ in range(length - 3))


TALKATIVE = """
import os, sys
secret = os.environ["CANARY_FILE"]
values = dict(line.split("=", 1) for line in open(secret).read().splitlines())
if "fail" in sys.argv:
    sys.exit("Error: login with password = \\"%s\\" was refused" % values["error"])
half = len(values["output"]) // 2
sys.stdout.write('db_password = "' + values["output"][:half])
sys.stdout.flush()
sys.stdout.write(values["output"][half:] + '"\\n')
print("token in use:", os.environ["DEPLOY_TOKEN"], "and key", values["key"])
"""


def run_command(*arguments: str) -> Mapping[str, Any]:
    return {"name": "execute_atmos_command", "input": {"arguments": list(arguments)}}


def test_secrets_from_anywhere_are_found_nowhere(project: Project, model: OfflineModelProcess) -> None:
    canaries = {
        "output": random_text(24),
        "error": random_text(24),
        "key": f"AKIA{''.join(secrets.choice(string.ascii_uppercase + '234567') for _ in range(16))}",
        "environment": random_text(32),
        "file": random_text(28),
        "user": f"ghp_{random_text(36)}",
    }
    hidden = project.home.parent / "canaries"
    hidden.write_text("\n".join(f"{name}={value}" for name, value in canaries.items()))
    use_atmos(project, TALKATIVE)
    project.environment.update(DEPLOY_TOKEN=canaries["environment"], CANARY_FILE=str(hidden))
    variables = project.directory / "notes.txt"
    variables.write_text(f'admin_password = "{canaries["file"]}"\nregion = "us-east-1"\n')
    model.add_answers(
        {
            "steps": [
                {"tool_use": run_command("version")},
                {"tool_use": run_command("version", "fail")},
                {"tool_use": {"name": "file_read", "input": {"path": "notes.txt"}}},
            ]
        },
        "Done.",
    )
    arguments = ("ask", "--yolo", "--debug", "--session", "s", f"Use {canaries['user']} and look around.")
    # The process's own arguments are the user's; what is made of them is ours.
    done = project.run(SHIM, *arguments)
    assert done.returncode == 0, done.stderr
    shown = project.run(SHIM, "sessions", "show", "s").stdout
    requests = json.dumps(model.requests())
    assert "secret:" in requests
    assert "us-east-1" in requests
    places: dict[str, bytes] = {
        "the screen": (done.stdout + done.stderr + shown).encode(),
        "the model's requests": requests.encode(),
        **{
            str(path): path.read_bytes()
            for folder in (project.directory / ".atmos", project.home)
            for path in folder.rglob("*")
            if path.is_file()
        },
    }
    assert any(name.endswith("sidecar.db") for name in places)
    found = [(name, place) for place, content in places.items() for name in leaked(canaries, content)]
    assert found == []


def leaked(canaries: Mapping[str, str], content: bytes) -> Sequence[str]:
    """Those of which 12 characters in a row are there."""
    return [
        name
        for name, value in canaries.items()
        if any(value[start : start + 12].encode() in content for start in range(0, len(value) - 12, 4))
    ]
