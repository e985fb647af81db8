"""Row 33: thousands of attaches and of programs on one sidecar leave nothing. `make soak` adds the hour."""

import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from atmos_ai_sidecar.v1 import tool_registry_service_pb2
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.e2e.conftest import Project
from tests.faults.conversations import Client
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

ATTACHES = 5_000
PROGRAMS, AT_ONCE = 4_000, 10
FILLING = 5
"""Tenths. A call adds two rows to the audit trail, and SQLite keeps pages until it has 2 MB of them."""
MAX_BYTES_EACH = 256
"""How much memory may stay for each; a stream that is leaked holds a hundred times as much."""


@contextmanager
def lasting(project: Project) -> Iterator[SidecarProcess]:
    with sidecar_process(directory=project.directory, environment=project.environment) as sidecar:
        yield sidecar


def check(process: psutil.Process, name: str, count: int, do: Callable[[], None], *, filling: int = 1) -> None:
    """Does some tenths to warm up and the rest in tenths, and compares what the process holds in between."""
    for _ in range(filling):
        do()
    descriptors, threads = process.num_fds(), process.num_threads()
    samples = []
    for _ in range(10 - filling):
        do()
        samples.append(process.memory_info().rss)
    # What grows, grows every time; a table that is made anew at twice its size does so once.
    slope = statistics.median(later - sooner for sooner, later in pairwise(samples)) / (count / 10)
    end = time.monotonic() + 10
    while process.num_fds() > descriptors + 2 or process.children(recursive=True)[2:]:
        assert time.monotonic() < end, (descriptors, process.num_fds(), process.children(recursive=True))
        threading.Event().wait(0.1)
    sys.stdout.write(
        f"\nrow 33: {count} {name}: {slope:+.0f} bytes each, descriptors {descriptors} to {process.num_fds()}, "
        f"threads {threads} to {process.num_threads()}\n"
    )
    assert slope < MAX_BYTES_EACH
    assert process.num_threads() <= threads + 2
    assert psutil.STATUS_ZOMBIE not in {child.status() for child in process.children(recursive=True)}


def test_five_thousand_attaches_and_detaches_leave_nothing(demo: Project) -> None:
    with lasting(demo) as sidecar, sidecar.channel() as channel:
        client = Client(sidecar, channel)
        client.create("s")

        def attach() -> None:
            for _ in range(ATTACHES // 10):
                with client.attached("s") as attached:
                    attached.half_close()

        check(psutil.Process(sidecar.process.pid), "attaches", ATTACHES, attach)


def test_thousands_of_programs_ten_at_a_time_leave_nothing(demo: Project, tmp_path: Path) -> None:
    atmos = tmp_path / "atmos"
    atmos.write_text("#!/bin/sh\necho '[\"ue1-dev\"]'\n")
    atmos.chmod(0o700)
    demo.environment["ATMOS_AI_ATMOS"] = str(atmos)
    with lasting(demo) as sidecar, sidecar.channel() as channel, ThreadPoolExecutor(AT_ONCE) as pool:
        stub = ToolRegistryServiceStub(channel)

        def run(_: int) -> bool:
            request = tool_registry_service_pb2.ExecuteToolRequest(name="atmos_list_stacks")
            *_, last = stub.ExecuteTool(request, metadata=sidecar.metadata, timeout=120)
            return bool(last.result.success)

        def runs() -> None:
            assert all(pool.map(run, range(PROGRAMS // 10)))

        check(psutil.Process(sidecar.process.pid), "programs", PROGRAMS, runs, filling=FILLING)
