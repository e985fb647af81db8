import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess, start_offline_model

ROOT = Path(__file__).parent.parent.parent
SHIM = Path(sys.prefix, "bin", "atmos-ai")
MODULE = (sys.executable, "-I", "-m", "atmos_ai_sidecar")
DEMO = ROOT / "atmos_ai_sidecar" / "demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A copy of the demo project, a home of its own, and an environment that leads to both."""

    directory: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.directory / ".atmos" / "sessions" / "sidecar.db"

    def run(
        self, *command: str | Path, stdin: str | None = None, stdout: int | IO[str] = subprocess.PIPE, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program in the project to its end, without a terminal to ask on."""
        source = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            command,
            **source,
            cwd=self.directory,
            env=self.environment | variables,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
            start_new_session=True,
        )

    def allow_everything(self) -> None:
        """Lets tools run without a question."""
        self.edit("require_confirmation: true", "require_confirmation: false")

    def edit(self, old: str, new: str) -> None:
        path = self.directory / "atmos.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@contextmanager
def project_in(folder: Path) -> Iterator[Project]:
    directory, home = folder / "project", folder / "home"
    shutil.copytree(DEMO / "project", directory)
    home.mkdir()
    with tempfile.TemporaryDirectory(prefix="run") as runtime:  # a socket's path may have 100 bytes
        yield Project(
            directory=directory,
            home=home,
            environment={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "XDG_RUNTIME_DIR": runtime,
                "LANG": "C.UTF-8",
                "TERM": "xterm-256color",
                "ATMOS_AI_ATMOS": str(DEMO / "bin" / "atmos"),
                "ATMOS_AI_TRUST_PROJECT": "1",
            },
        )


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with project_in(tmp_path) as project:
        yield project


@pytest.fixture(scope="module")
def shared_demo(tmp_path_factory: pytest.TempPathFactory, model_url: str) -> Iterator[Project]:
    """The project with the offline model, for all tests of a file: they name their sessions apart."""
    with project_in(tmp_path_factory.mktemp("shared")) as project:
        project.environment.update(ANTHROPIC_BASE_URL=model_url, ANTHROPIC_API_KEY="test")
        yield project


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """The offline model, ruled by its rules, for all tests that need no script."""
    with start_offline_model() as model:
        yield model.url


@pytest.fixture
def demo(project: Project, model_url: str) -> Project:
    """The project with the offline model."""
    project.environment.update(ANTHROPIC_BASE_URL=model_url, ANTHROPIC_API_KEY="test")
    return project


@pytest.fixture
def kept_warm(demo: Project) -> Iterator[None]:
    """One sidecar for all runs behind the shim, where starts are not the point and there are many."""
    demo.environment["ATMOS_AI_KEEP_WARM"] = "60s"
    yield
    ended = subprocess.run(
        (SHIM, "sidecar", "stop", "--all"), cwd=demo.directory, env=demo.environment, check=False, capture_output=True
    )
    assert ended.returncode == 0, ended.stderr


@pytest.fixture
def model(project: Project, tmp_path: Path) -> Iterator[OfflineModelProcess]:
    """A model that plays what a test adds to its script, for the project."""
    script = tmp_path / "script.json"
    script.write_text("[]")
    with start_offline_model(script) as model:
        project.environment.update(ANTHROPIC_BASE_URL=model.url, ANTHROPIC_API_KEY="test")
        yield model


@pytest.fixture(params=["shim", "module"])
def program(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The two ways to run a command: behind the shim, and as a module on the process's own terminal."""
    return (str(SHIM),) if request.param == "shim" else MODULE
