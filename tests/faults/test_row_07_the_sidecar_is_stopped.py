"""SIGSTOP: half-open. What the shim does about it is tested in Go (`TestAFrozenSidecar…`), with its own clock."""

import os
import signal
import sys
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
TOLD = b"has not answered for a while; wait, or press Ctrl-C twice to leave"


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
def test_a_person_hears_of_a_stopped_sidecar_within_forty_seconds_and_can_wait_or_leave(demo: Project) -> None:
    with Screen([SHIM, "chat"], environment=demo.environment, directory=demo.directory) as screen:
        screen.wait_for("ready, /help")
        shim = psutil.Process(int(screen.process.pid or 0))
        sidecar = next(child for child in shim.children() if "serve" in child.cmdline())
        for answer in ("wait", "leave"):
            told = screen.raw.count(TOLD)
            sidecar.suspend()
            begin = time.monotonic()
            screen.wait_until(lambda _: screen.raw.count(TOLD) > told, "a word about it", seconds=VERDICT_SECONDS)  # noqa: B023
            sys.stdout.write(f"\nrow 7: told after {time.monotonic() - begin:.0f} s\n")
            if answer == "wait":
                sidecar.resume()
                screen.submit("Which stacks are there?")
                screen.wait_for("ue1-dev")
        screen.type("\x03")
        screen.type("\x03")
        screen.wait_for("did not answer and was ended")
        assert screen.exit_code() == 70
