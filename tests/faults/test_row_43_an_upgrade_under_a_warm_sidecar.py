"""Row 43: the package is upgraded while a warm sidecar runs from it: two real installations, one after the other."""

import shutil
import sysconfig
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar import __version__
from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import ROOT, Project
from tests.e2e.test_keep_warm import Warm
from tests.e2e.test_process_life import wait_until_journalled
from tests.processes import wait_dead

pytestmark = pytest.mark.e2e

PACKAGES = Path(sysconfig.get_path("purelib"))
NEWER = "99.0.0"


@dataclass(frozen=True, slots=True)
class Installation:
    """An environment of Python with a copy of our package, which an installer replaces as installers do."""

    folder: Path

    @property
    def packages(self) -> Path:
        return next(self.folder.glob("lib/python*/site-packages"))

    def install(self, version: str) -> None:
        """Takes away what was installed and puts the package there under that version."""
        for old in self.packages.glob("atmos_ai_sidecar*"):
            shutil.rmtree(old)
        package = self.packages / "atmos_ai_sidecar"
        shutil.copytree(ROOT / "atmos_ai_sidecar", package)
        first = package / "__init__.py"
        first.write_text(first.read_text().replace(__version__, version))
        record = self.packages / f"atmos_ai_sidecar-{version}.dist-info" / "RECORD"
        record.parent.mkdir()
        record.write_text("atmos_ai_sidecar/__init__.py,,\n")


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    installation = Installation(tmp_path / "environment")
    venv.create(installation.folder, symlinks=True)
    (installation.packages / "libraries.pth").write_text(f"{PACKAGES}\n")
    installation.install(__version__)
    return installation


@pytest.fixture
def warm(project: Project, installation: Installation) -> Iterator[Warm]:
    warm = Warm(project)
    project.environment["ATMOS_AI_PYTHON"] = str(installation.folder / "bin" / "python")
    yield warm
    assert warm.run("sidecar", "stop", "--all").returncode == 0


def test_upgraded_package_replaces_a_warm_sidecar_when_that_is_idle(
    warm: Warm, installation: Installation, model: OfflineModelProcess
) -> None:
    warm.run("sessions", "list")
    old = warm.process
    model.add_answers({"steps": ["The CIDR is", {"wait_for": "gate"}, " 10.0.0.0/16."]})
    with warm.start("ask", "Hello") as busy:
        try:
            wait_until_journalled(warm.project, "The CIDR is")
            installation.install(NEWER)
            during = warm.run("sessions", "list")  # on a sidecar of its own
        finally:
            model.open_gate("gate")
        said, told = busy.communicate(timeout=30)
    assert (busy.returncode, "10.0.0.0/16." in said) == (0, True), told
    assert during.returncode == 0, during.stderr
    assert [state["pid"] for state in warm.states] in ([old.pid], [])  # it leaves unasked when it saw its package away
    newer = next_process(warm, NEWER)
    assert newer != old
    wait_dead(old)
    assert next_process(warm, NEWER) == newer  # it stays, whatever version the shim has
    installation.install(NEWER)
    assert next_process(warm, NEWER) != newer  # a number tells nothing


def next_process(warm: Warm, version: str) -> psutil.Process:
    """The warm sidecar of that version after another run."""
    assert warm.run("sessions", "list").returncode == 0
    assert [state["server_version"] for state in warm.states] == [version]
    return warm.process
