"""Rows 1 and 3: how soon the shim tells of a killed sidecar, and how soon a sidecar follows its killed shim."""

import os
import select
import time

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import Project
from tests.e2e.test_process_life import runtime_folders, shim, sidecar_of, wait_until_journalled
from tests.faults.figures import show

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]

DEATHS = 15
TOLD_SECONDS, GONE_SECONDS = 0.1, 1.0


def test_shim_tells_of_a_killed_sidecar_at_once(project: Project, model: OfflineModelProcess) -> None:
    samples = []
    for number in range(DEATHS):
        text = f"Said {number}."
        model.add_answers({"steps": [text, {"wait_for": "never"}]})
        with shim(project, "ask", "Hello") as process:
            wait_until_journalled(project, text)
            assert process.stderr is not None
            sidecar_of(process).kill()
            begin = time.perf_counter()
            while b"ended unexpectedly" not in process.stderr.readline():
                pass
            samples.append(time.perf_counter() - begin)
    show(1, "kill -9 of the sidecar to the shim's word about it", samples, limit_seconds=TOLD_SECONDS)


def test_sidecar_follows_its_killed_shim(project: Project, model: OfflineModelProcess) -> None:
    samples = []
    for number in range(DEATHS):
        text = f"Said {number}."
        model.add_answers({"steps": [text, {"wait_for": "never"}]})
        with shim(project, "ask", "Hello") as process:
            wait_until_journalled(project, text)
            sidecar = sidecar_of(process)
            handle = os.pidfd_open(sidecar.pid)  # it tells of the end also while nobody has buried the process
            process.kill()
            begin = time.perf_counter()
            assert select.select([handle], [], [], 20)[0]
            samples.append(time.perf_counter() - begin)
            os.close(handle)
        assert runtime_folders(project) == []
    show(3, "kill -9 of the shim to the end of the sidecar", samples, limit_seconds=GONE_SECONDS)
