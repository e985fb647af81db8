"""Another user of the machine dials the socket."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sidecar_process import sidecar_process

NOBODY = 65534
DIAL = """
import os, socket, sys
os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
try:
    socket.socket(socket.AF_UNIX).connect(sys.argv[1])
except PermissionError:
    sys.exit(13)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user; a container of CI is root")
def test_another_user_cannot_reach_the_socket(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder != Path(folder.anchor) and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o011)  # nothing but our own folder stands in the way
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with sidecar_process(directory=tmp_path, environment=environment, runtime=tmp_path.parent) as sidecar:
        path = sidecar.address.removeprefix("unix://")
        done = subprocess.run(
            (sys.executable, "-I", "-c", DIAL.format(nobody=NOBODY), path), timeout=10, check=False, capture_output=True
        )
    assert done.returncode == 13, done.stderr
