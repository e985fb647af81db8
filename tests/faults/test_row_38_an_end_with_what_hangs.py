"""Row 38: a real sidecar is told to end while a tool is deaf to signals and the database's thread waits for a lock."""

import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import grpc
import psutil
import pytest

from atmos_ai_sidecar.v1 import tool_registry_service_pb2
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.e2e.conftest import Project
from tests.faults.conversations import PATIENCE_SECONDS, Client
from tests.faults.figures import show
from tests.processes import wait_dead
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(200)]

DEAF = "#!/bin/sh\ntrap '' INT TERM HUP\necho $$ > {pid}.new\nmv {pid}.new {pid}\nwhile :; do sleep 60; done\n"
FORCED, IN_ORDER = 70, 143
HARD_CAP_SECONDS = 5.0
LADDER_SECONDS = 60.0
"""The ladder takes 15 s; a machine under load takes longer."""


def test_end_leaves_a_deaf_tool_to_its_warden_and_the_database_whole(project: Project, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    program = tmp_path / "atmos"
    program.write_text(DEAF.format(pid=pid))
    program.chmod(0o700)
    project.environment["ATMOS_AI_ATMOS"] = str(program)
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        session = client.create("s")
        client.add(session, "stored before")
        threads = [threading.Thread(target=run_deaf_tool, args=(sidecar, channel))]
        threads[0].start()
        tool = process_in(pid)
        with closing(sqlite3.connect(project.database, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            threads.append(threading.Thread(target=add_in_vain, args=(client, session)))
            threads[1].start()
            sidecar.process.send_signal(signal.SIGTERM)
            begin = time.perf_counter()
            assert sidecar.process.wait(PATIENCE_SECONDS) in {FORCED, IN_ORDER}
            show(38, "SIGTERM to the end", [time.perf_counter() - begin], limit_seconds=HARD_CAP_SECONDS + 0.5)
            assert not list(sidecar.socket_directory.parent.iterdir())
            other.execute("ROLLBACK")
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()
    wait_dead(tool, seconds=LADDER_SECONDS)  # of its warden
    with closing(sqlite3.connect(project.database)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as later,
        later.channel() as channel,
    ):
        assert Client(later, channel).texts(session)[0] == "stored before"


def run_deaf_tool(sidecar: SidecarProcess, channel: grpc.Channel) -> None:
    request = tool_registry_service_pb2.ExecuteToolRequest(name="atmos_list_stacks")
    with pytest.raises(grpc.RpcError):
        list(ToolRegistryServiceStub(channel).ExecuteTool(request, metadata=sidecar.metadata, timeout=PATIENCE_SECONDS))


def add_in_vain(client: Client, session: str) -> None:
    with pytest.raises(grpc.RpcError):
        client.add(session, "never stored")


def process_in(path: Path) -> psutil.Process:
    end = time.monotonic() + PATIENCE_SECONDS
    while not path.exists():
        assert time.monotonic() < end
        threading.Event().wait(0.01)
    return psutil.Process(int(path.read_text()))
