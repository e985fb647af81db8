"""Few descriptors, many connections and streams, and clients that send the preface a byte at a time."""

import os
import resource
import socket
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import grpc
import psutil

from atmos_ai_sidecar.v1 import chat_service_pb2, sidecar_service_pb2
from atmos_ai_sidecar.v1.chat_service_pb2_grpc import ChatServiceStub
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.sidecar_process import SidecarProcess, sidecar_process

FEW = 64
CONNECTIONS = 500
STREAMS = 300
INFO = sidecar_service_pb2.GetServerInfoRequest()


def answers(sidecar: SidecarProcess) -> bool:
    with sidecar.channel() as channel:
        stub = SidecarServiceStub(channel)
        return bool(stub.GetServerInfo(INFO, metadata=sidecar.metadata, timeout=20, wait_for_ready=True).instance_id)


def wait_for_descriptors(process: psutil.Process, before: int) -> None:
    """Waits until it holds no more than before, but for what it keeps ready for the next caller."""
    end = time.monotonic() + 20
    while process.num_fds() > before + 2:
        assert time.monotonic() < end, (before, process.num_fds())
        threading.Event().wait(0.05)


def test_connections_beyond_the_limit_are_refused_and_it_recovers(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with sidecar_process(directory=tmp_path, environment=environment) as sidecar:
        process = psutil.Process(sidecar.process.pid)
        assert answers(sidecar)
        before = process.num_fds()
        _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (FEW, hard))
        with ExitStack() as stack:
            for _ in range(CONNECTIONS):
                dialled = stack.enter_context(socket.socket(socket.AF_UNIX))
                dialled.setblocking(False)
                dialled.connect_ex(sidecar.address.removeprefix("unix://"))
                try:
                    dialled.send(b"PRI")  # and never the rest of the preface
                except OSError:
                    continue
        assert answers(sidecar)
        wait_for_descriptors(process, before)


def test_many_streams_are_answered_and_leave_no_descriptor(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with sidecar_process(directory=tmp_path, environment=environment) as sidecar:
        process = psutil.Process(sidecar.process.pid)
        assert answers(sidecar)
        before = process.num_fds()
        with sidecar.channel() as channel:
            stub = ChatServiceStub(channel)
            bad = chat_service_pb2.ChatRequest(event_id="none")
            calls = [stub.Chat(iter([bad]), metadata=sidecar.metadata, timeout=30) for _ in range(STREAMS)]
            assert {call.code() for call in calls} == {grpc.StatusCode.INVALID_ARGUMENT}
        assert answers(sidecar)
        wait_for_descriptors(process, before)
