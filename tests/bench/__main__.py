"""`make bench`: every row as measured, budget, ratio; JSON in bench-results.json; fails when a row is far over."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import grpc
from google.protobuf.struct_pb2 import Struct

from atmos_ai_sidecar.demo.offline_model.process import start_offline_model
from atmos_ai_sidecar.v1 import (
    message_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    sidecar_service_pb2,
    sidecar_service_pb2_grpc,
    tool_registry_service_pb2,
    tool_registry_service_pb2_grpc,
)
from tests.bench.decisions import decision_rows
from tests.bench.markdown import markdown_rows
from tests.bench.table import Row, row, table
from tests.e2e.screen import Screen
from tests.sidecar_process import SidecarProcess, sidecar_process

ROOT = Path(__file__).parent.parent.parent
DEMO = ROOT / "atmos_ai_sidecar" / "demo"
SHIM = Path(sys.prefix, "bin", "atmos-ai")
RESULTS = ROOT / "bench-results.json"


def timed(call: Callable[[], object]) -> float:
    """Milliseconds that the call took."""
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def start_rows(project: Path, environment: Mapping[str, str]) -> list[Row]:
    """Row 1: from spawn to the handshake line."""

    def start() -> float:
        begin = time.perf_counter()
        with sidecar_process(directory=project, environment=environment):
            return (time.perf_counter() - begin) * 1000

    start()
    samples = [start() for _ in range(15)]
    command = (sys.executable, "-I", "-c", "import grpc.aio")
    bare = [timed(lambda: subprocess.run(command, check=True)) for _ in range(7)]
    return [
        row("1", "spawn to handshake line, p50", samples, 350, unit="ms"),
        row("1", "spawn to handshake line, p95", samples, 700, unit="ms", share=0.95),
        row("1", "  python + grpc.aio import alone", bare, None, unit="ms"),
    ]


def chat_rows(project: Path, environment: Mapping[str, str]) -> list[Row]:
    """Row 2: from the shim's start to the composer on the screen."""

    def start() -> float:
        begin = time.perf_counter()
        with Screen([SHIM, "chat"], environment=environment, directory=project) as screen:
            screen.wait_for("Enter sends|/help")
            return (time.perf_counter() - begin) * 1000

    start()
    return [row("2", "shim start to chat composer, cold", [start() for _ in range(9)], 600, unit="ms")]


def exec_rows(project: Path, environment: Mapping[str, str]) -> list[Row]:
    """Row 3: one `exec` with a model that answers at once."""

    def run() -> float:
        command = (SHIM, "exec", "hello")
        return timed(
            lambda: subprocess.run(command, cwd=project, env=dict(environment), check=True, capture_output=True)
        )

    return [row("3", 'exec "hello", zero-latency model, cold', [run() for _ in range(5)], 3200, unit="ms")]


def rpc_rows(sidecar: SidecarProcess, channel: grpc.Channel) -> list[Row]:
    """Rows 4 and 5: unary calls and session operations."""
    metadata = sidecar.metadata
    server = sidecar_service_pb2_grpc.SidecarServiceStub(channel)
    sessions = session_service_pb2_grpc.SessionServiceStub(channel)
    info = sidecar_service_pb2.GetServerInfoRequest()
    for _ in range(50):
        server.GetServerInfo(info, metadata=metadata)
    unary = [timed(lambda: server.GetServerInfo(info, metadata=metadata)) for _ in range(1000)]
    create: list[float] = []
    get: list[float] = []
    add: list[float] = []
    for _ in range(300):
        request = session_service_pb2.CreateSessionRequest(name=f"bench-{uuid.uuid4()}")
        begin = time.perf_counter()
        session = sessions.CreateSession(request, metadata=metadata).session
        create.append((time.perf_counter() - begin) * 1000)
        getting = session_service_pb2.GetSessionRequest(session_id=session.session_id)
        get.append(timed(partial(sessions.GetSession, getting, metadata=metadata)))
        adding = session_service_pb2.AddMessageRequest(
            session_id=session.session_id, role=message_pb2.ROLE_USER, content="What is the CIDR of the VPC?"
        )
        add.append(timed(partial(sessions.AddMessage, adding, metadata=metadata)))
    return [
        row("4", "unary rpc over the socket, p50", unary, 1.2, unit="ms"),
        row("4", "unary rpc over the socket, p99", unary, 6, unit="ms", share=0.99),
        row("5", "create a session over rpc, p99", create, 10, unit="ms", share=0.99),
        row("5", "get a session over rpc, p99", get, 10, unit="ms", share=0.99),
        row("5", "add a message over rpc, p99", add, 10, unit="ms", share=0.99),
    ]


def tool_rows(
    sidecar: SidecarProcess, channel: grpc.Channel, project: Path, environment: Mapping[str, str]
) -> list[Row]:
    """Row 12: a tool through us, less the same command run directly."""
    tools = tool_registry_service_pb2_grpc.ToolRegistryServiceStub(channel)
    values = Struct()
    values.update({"component": "vpc", "stack": "ue1-prod"})
    request = tool_registry_service_pb2.ExecuteToolRequest(name="atmos_describe_component", input=values)
    arguments = "describe component vpc -s ue1-prod --format json --process-functions=false --process-templates=false"
    command = (environment["ATMOS_AI_ATMOS"], *arguments.split())

    def through_us() -> None:
        events = list(tools.ExecuteTool(request, metadata=sidecar.metadata))
        assert events[-1].result.success, events[-1]

    def directly() -> None:
        subprocess.run(command, cwd=project, env=dict(environment), check=True, capture_output=True)

    through_us()
    pairs = [(timed(through_us), timed(directly)) for _ in range(25)]
    return [
        row("12", "describe component through us minus through atmos", [a - b for a, b in pairs], 10, unit="ms"),
        row("12", "  describe component by atmos alone", [b for _, b in pairs], None, unit="ms"),
    ]


def measure(directory: Path) -> Sequence[Row]:
    """All rows, on a fresh copy of the demo project with a model that answers at once."""
    project, home = directory / "project", directory / "home"
    shutil.copytree(DEMO / "project", project)
    home.mkdir()
    with start_offline_model() as model:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "bench",
            "ATMOS_AI_ATMOS": os.environ.get("ATMOS_AI_TEST_ATMOS", str(DEMO / "bin" / "atmos")),
            "ATMOS_AI_TRUST_PROJECT": "1",
        }
        rows = start_rows(project, environment) + chat_rows(project, environment) + exec_rows(project, environment)
        rows += decision_rows()
        with sidecar_process(directory=project, environment=environment) as sidecar, sidecar.channel() as channel:
            rows += rpc_rows(sidecar, channel)
            rows += tool_rows(sidecar, channel, project, environment)
    return [*rows, *markdown_rows()]


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        rows = measure(Path(directory))
    sys.stdout.write(table(rows) + "\n")
    machine = {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()}
    RESULTS.write_text(json.dumps({"machine": machine, "rows": [each.json() for each in rows]}, indent=2) + "\n")
    return int(any(each.is_over for each in rows))


if __name__ == "__main__":
    sys.exit(main())
