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
from tests.processes import wait_dead
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
@pytest.mark.timeout(240)
def test_a_person_hears_of_a_stopped_sidecar_within_forty_seconds_and_decides(demo: Project) -> None:
    with Screen([SHIM, "chat"], environment=demo.environment, directory=demo.directory) as screen:
        screen.wait_for(READY)
        shim = psutil.Process(int(screen.process.pid or 0))
        sidecar = next(child for child in shim.children() if "serve" in child.cmdline())
        sidecar.suspend()
        screen.submit("Which stacks are there?")
        threading.Event().wait(SHORT_SECONDS)
        sidecar.resume()  # in time: it goes on, and what was typed is not lost
        screen.wait_for("ue1-dev")
        wait_until_told(screen, sidecar)
        threading.Event().wait(SHORT_SECONDS)
        assert sidecar.status() == psutil.STATUS_STOPPED  # nobody ended it unasked
        sidecar.resume()  # late: the connection is gone, and the same process goes on
        screen.wait_until(lambda text: is_back(text, "answers again"), "to be back", seconds=VERDICT_SECONDS)
        assert "starting it again" not in screen.text
        assert [child for child in shim.children() if "serve" in child.cmdline()] == [sidecar]
        wait_until_told(screen, sidecar)
        screen.type("\x03")
        screen.wait_until(lambda text: is_back(text, "starting it again"), "to be back")
        wait_dead(sidecar)
        screen.submit("Which components are there?")
        screen.wait_until(lambda text: "vpc" in text.rpartition("Which components")[2], "an answer")
        screen.submit("/quit")
        assert screen.exit_code() == 0


def is_back(text: str, after: str) -> bool:
    """Whether the chat is ready again behind the last of those words."""
    _, words, later = text.rpartition(after)
    return bool(words) and READY in later


def wait_until_told(screen: Screen, sidecar: psutil.Process) -> None:
    """Stops the sidecar and waits until the screen offers to end it."""
    told = screen.text.count(TOLD)
    sidecar.suspend()
    begin = time.monotonic()
    screen.wait_until(lambda text: text.count(TOLD) > told, "a word about it", seconds=VERDICT_SECONDS)
    sys.stdout.write(f"\nrow 7: told after {time.monotonic() - begin:.0f} s\n")
    screen.wait_for("press Ctrl-C to end it")
