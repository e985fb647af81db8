"""SIGSTOP: half-open. What the shim does about it is tested in Go (`TestAFrozenSidecar…`), with its own clock."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import grpc
import psutil
import pytest

from atmos_ai_sidecar.v1 import sidecar_service_pb2
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen
from tests.sidecar_process import SidecarProcess, sidecar_process

VERDICT_SECONDS = 40
SHORT_SECONDS = 15
READY = "ready, /help"
TOLD = "stopped answering"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}


def test_stopped_sidecar_goes_on_where_it_was_and_says_how_long_it_stood(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    with sidecar_process(directory=tmp_path, environment=environment) as sidecar, sidecar.channel() as channel:
        stub = SidecarServiceStub(channel)
        request = sidecar_service_pb2.GetServerInfoRequest()
        first = stub.GetServerInfo(request, metadata=sidecar.metadata, timeout=10)
        process = psutil.Process(sidecar.process.pid)
        process.suspend()
        asked = stub.GetServerInfo.future(request, metadata=sidecar.metadata, timeout=30)
        with pytest.raises(grpc.FutureTimeoutError):
            asked.result(timeout=2.5)
        process.send_signal(signal.SIGCONT)
        assert asked.result(timeout=10).instance_id == first.instance_id
        wait_for_log(sidecar, "the event loop was blocked for")


def wait_for_log(sidecar: SidecarProcess, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in sidecar.log():
        assert time.monotonic() < deadline, sidecar.log()
        os.sched_yield()


@pytest.mark.e2e
@pytest.mark.long
@pytest.mark.timeout(180)
def test_a_person_hears_of_a_stopped_sidecar_within_forty_seconds_and_goes_on_with_another(demo: Project) -> None:
    with Screen([SHIM, "chat"], environment=demo.environment, directory=demo.directory) as screen:
        screen.wait_for(READY)
        shim = psutil.Process(int(screen.process.pid or 0))
        sidecar = next(child for child in shim.children() if "serve" in child.cmdline())
        sidecar.suspend()
        screen.submit("Which stacks are there?")
        threading.Event().wait(SHORT_SECONDS)
        sidecar.resume()  # in time: it goes on, and what was typed is not lost
        screen.wait_for("ue1-dev")
        assert sidecar.is_running()
        sidecar.suspend()
        begin = time.monotonic()
        screen.wait_until(lambda text: TOLD in text, "a word about it", seconds=VERDICT_SECONDS)
        sys.stdout.write(f"\nrow 7: told after {time.monotonic() - begin:.0f} s\n")
        psutil.wait_procs([sidecar], timeout=10)
        assert not sidecar.is_running() or sidecar.status() == psutil.STATUS_ZOMBIE
        screen.wait_until(lambda text: READY in text.rsplit(TOLD, 1)[-1], "to be back")
        screen.submit("Which components are there?")
        screen.wait_until(lambda text: "vpc" in text.rsplit(TOLD, 1)[-1].partition("Which components")[2], "an answer")
        screen.submit("/quit")
        assert screen.exit_code() == 0
