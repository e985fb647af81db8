"""Row 31: a place where nothing may be executed, behind a TMPDIR that is too long, under a umask that shares all."""

from pathlib import Path

import pytest

from tests.e2e.conftest import SHIM, Project
from tests.faults.namespaces import can_mount, no_programs

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(not can_mount(), reason="this machine forbids user and mount namespaces")
def test_a_place_without_programs_is_good_enough_and_private_under_any_umask(demo: Project, tmp_path: Path) -> None:
    long = tmp_path / ("t" * 200)
    long.mkdir()
    report = tmp_path / "report"
    runtime = demo.environment["XDG_RUNTIME_DIR"]
    script = (
        f"umask 000; {SHIM} exec 'Which stacks are there?' & shim=$!; "
        f"until stat -c '%a %n' {runtime}/atmos-ai/*/*.sock > {report} 2>/dev/null; "
        "do kill -0 $shim; sleep 0.05; done; "
        f"stat -c '%a %n' {runtime}/atmos-ai {runtime}/atmos-ai/* >> {report}; wait $shim"
    )
    done = demo.run(*no_programs(Path(runtime)), "sh", "-ec", script, TMPDIR=str(long))
    assert done.returncode == 0, done.stderr
    assert "ue1-dev" in done.stdout
    modes = {line.split()[0] for line in report.read_text().splitlines()}
    assert modes <= {"700", "600"}
    assert list(long.iterdir()) == []
