"""SIGSTOP: half-open. What the shim does about it is tested in Go (`TestAFrozenSidecar…`), with its own clock."""

import os
import signal
import time
from pathlib import Path

import grpc
import psutil
import pytest

from atmos_ai_sidecar.v1 import sidecar_service_pb2
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.sidecar_process import SidecarProcess, sidecar_process


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
