"""Two users of one machine in one project, with one temporary folder between them, who both keep sidecars warm."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import DEMO, SHIM
from tests.other_users import as_user
from tests.processes import wait_dead

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can become other users; a container of CI is root"),
]

ANNE, BERT = 4201, 4202
PATIENCE_SECONDS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who is logged in."""

    uid: int
    machine: Path

    @property
    def home(self) -> Path:
        return self.machine / f"home{self.uid}"

    @property
    def sockets(self) -> Path:
        return self.machine / "tmp" / f"atmos-ai-{self.uid}"

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.machine / "tmp"),
            "LANG": "C.UTF-8",
            "ATMOS_AI_ATMOS": str(DEMO / "bin" / "atmos"),
            "ATMOS_AI_TRUST_PROJECT": "1",
            "ATMOS_AI_KEEP_WARM": "60s",
        }
        return subprocess.run(
            (*as_user(self.uid, self.machine / "kept"), str(SHIM), *arguments),
            cwd=self.machine / "project",
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def explain(self, **variables: str) -> subprocess.CompletedProcess[str]:
        """A run that needs nothing but the project's configuration."""
        return self.run("permissions", "explain", "atmos_list_stacks", "--format", "json", **variables)

    @property
    def sidecar(self) -> psutil.Process:
        """The one that stays."""
        (state,) = self.sockets.glob("warm/*.json")
        return psutil.Process(json.loads(state.read_text())["pid"])


@pytest.fixture
def machine() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="m") as folder:
        machine = Path(folder)
        machine.chmod(0o755)
        shutil.copytree(DEMO / "project", machine / "project")
        keep_sessions(machine, "false")  # they would be whose who came first
        for path in (machine / "project", *(machine / "project").rglob("*")):
            path.chmod(0o777 if path.is_dir() else 0o644)
        for name, mode in (("tmp", 0o1777), ("kept", 0o700)):
            (machine / name).mkdir()
            (machine / name).chmod(mode)
        yield machine


def keep_sessions(machine: Path, enabled: str) -> None:
    configuration = machine / "project" / "atmos.yaml"
    text, count = re.subn(r"(?<=sessions:\n    enabled: )\w+", enabled, configuration.read_text())
    assert count == 1
    configuration.write_text(text)


@pytest.fixture
def anne(machine: Path) -> Iterator[User]:
    yield from logged_in(User(uid=ANNE, machine=machine))


@pytest.fixture
def bert(machine: Path) -> Iterator[User]:
    yield from logged_in(User(uid=BERT, machine=machine))


def logged_in(user: User) -> Iterator[User]:
    user.home.mkdir(mode=0o700)
    os.chown(user.home, user.uid, user.uid)
    yield user
    living = [process for process in psutil.process_iter(["uids"]) if user.uid in (process.info["uids"] or ())]
    for process in living:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    wait_dead(*living)


def test_each_has_a_sidecar_of_their_own_in_the_same_project(anne: User, bert: User) -> None:
    first = anne.explain()
    second = bert.explain()
    assert (first.returncode, second.returncode) == (0, 0), (first.stderr, second.stderr)
    for user in (anne, bert):
        assert set(user.sidecar.uids()) == {user.uid}
        assert user.sockets.stat().st_uid == user.uid
    before = anne.sidecar, bert.sidecar
    assert before[0] != before[1]
    assert bert.explain().returncode == 0
    assert (anne.sidecar, bert.sidecar) == before  # each comes back to their own
    assert len(json.loads(bert.run("sidecar", "status", "--format", "json").stdout)) == 1


def test_nobody_is_led_to_the_sidecar_of_another(anne: User, bert: User) -> None:
    assert anne.explain().returncode == 0
    led = bert.explain(XDG_RUNTIME_DIR=str(anne.sockets))  # which is passed over
    assert led.returncode == 0, led.stderr
    assert set(bert.sidecar.uids()) == {bert.uid}
    runtime = bert.machine / "runtime"
    runtime.mkdir()
    shutil.copytree(anne.sockets, runtime / "atmos-ai", ignore=shutil.ignore_patterns("*.sock"))
    for path in (runtime, *runtime.rglob("*")):  # all that she has, in his folder, and still hers
        os.chown(path, bert.uid if path == runtime else anne.uid, -1)
        path.chmod(0o755 if path.is_dir() else 0o644)
    refused = bert.explain(XDG_RUNTIME_DIR=str(runtime))
    assert refused.returncode == 1
    assert f"belongs to user {anne.uid}, not to you" in refused.stderr
    assert set(anne.sidecar.uids()) == {anne.uid}


def test_store_of_another_is_named_with_what_to_do(machine: Path, anne: User, bert: User) -> None:
    keep_sessions(machine, "true")
    assert anne.explain(ATMOS_AI_KEEP_WARM="").returncode == 0
    refused = bert.explain(ATMOS_AI_KEEP_WARM="")
    assert refused.returncode == 1
    assert "sidecar.db cannot be used: Permission denied. Make its folder writable for you" in refused.stderr
