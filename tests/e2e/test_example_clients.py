"""The example clients, each as a program of its own against a real sidecar."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Project
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e
EXAMPLES = ROOT / "examples" / "clients"
GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")


def check(output: str) -> None:
    """The program listed sessions, had its tool called, was asked, and showed the answer to its end."""
    assert "NET-7 is open." in output
    assert "ue1-prod" in output
    assert "1 to add, 0 to change, 0 to destroy" in output
    assert "STOP_REASON_END_TURN" in output


def run(*command: str | Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_python_client_launches_a_sidecar_of_its_own(demo: Project) -> None:
    output = run(sys.executable, EXAMPLES / "python" / "client.py", demo.directory, environment=demo.environment)
    assert output.startswith("sessions: none\n")
    check(output)


def test_python_client_attaches_to_a_sidecar_that_runs(demo: Project) -> None:
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        attach = {"ATMOS_AI_ADDRESS": sidecar.address, "ATMOS_AI_TOKEN": sidecar.token}
        check(run(sys.executable, EXAMPLES / "python" / "client.py", environment=demo.environment | attach))


@pytest.mark.skipif(GRPCURL is None, reason="there is no grpcurl: set GRPCURL or install it")
def test_grpcurl_client(demo: Project) -> None:
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        attach = {
            "ATMOS_AI_SOCKET": sidecar.address.removeprefix("unix:").removeprefix("//"),
            "ATMOS_AI_TOKEN": sidecar.token,
            "GRPCURL": str(GRPCURL),
        }
        output = run(EXAMPLES / "grpcurl" / "client.sh", environment=demo.environment | attach)
    check(output)
    assert "> ANSWER_ALLOW_ONCE" in output


def test_every_example_is_short() -> None:
    for path in EXAMPLES.rglob("*"):
        if path.suffix in {".py", ".sh", ".go", ".ts"}:
            assert len(path.read_text().splitlines()) <= 150, path
