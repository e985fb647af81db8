"""Rows 4, 5 and 12: what single calls cost, beside a bare server that only echoes."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import grpc
from google.protobuf.struct_pb2 import Struct

from atmos_ai_sidecar.v1 import (
    message_pb2,
    session_service_pb2,
    session_service_pb2_grpc,
    sidecar_service_pb2,
    sidecar_service_pb2_grpc,
    tool_registry_service_pb2,
    tool_registry_service_pb2_grpc,
)
from tests.bench.place import Place, timed
from tests.bench.table import Row, row
from tests.sidecar_process import SidecarProcess, sidecar_process

_CALLS = 1000
_SESSIONS = 300


def call_rows(place: Place) -> list[Row]:
    """Rows 4, 5 and 12, on one sidecar."""
    with (
        sidecar_process(directory=place.project, environment=place.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        return [
            *_unary_rows(sidecar, channel),
            *_session_rows(sidecar, channel),
            *_tool_rows(sidecar, channel, place),
        ]


def _unary_rows(sidecar: SidecarProcess, channel: grpc.Channel) -> list[Row]:
    stub = sidecar_service_pb2_grpc.SidecarServiceStub(channel)
    call = partial(stub.GetServerInfo, sidecar_service_pb2.GetServerInfoRequest(), metadata=sidecar.metadata)
    with echo_server() as address, grpc.insecure_channel(address) as bare:
        echo = partial(
            bare.unary_unary("/bench.Echo/Unary", request_serializer=None, response_deserializer=None), b"x" * 100
        )
        for _ in range(50):
            call()
            echo()
        # In turns, so that both see the same machine.
        pairs = [(timed(call), timed(echo)) for _ in range(_CALLS)]
    ours, theirs = [ours for ours, _ in pairs], [theirs for _, theirs in pairs]
    return [
        row("4", "unary rpc over the socket, p50", ours, 1.2, unit="ms"),
        row("4", "unary rpc over the socket, p99", ours, 6, unit="ms", share=0.99),
        row("4", "  bare grpc.aio echo, p50", theirs, None, unit="ms"),
        row("4", "  bare grpc.aio echo, p99", theirs, None, unit="ms", share=0.99),
    ]


def _session_rows(sidecar: SidecarProcess, channel: grpc.Channel) -> list[Row]:
    metadata = sidecar.metadata
    sessions = session_service_pb2_grpc.SessionServiceStub(channel)
    create: list[float] = []
    get: list[float] = []
    add: list[float] = []
    for _ in range(_SESSIONS):
        name = f"bench-{uuid.uuid4()}"
        creating = session_service_pb2.CreateSessionRequest(name=name)
        create.append(timed(partial(sessions.CreateSession, creating, metadata=metadata)))
        finding = session_service_pb2.GetSessionByNameRequest(name=name)
        session_id = sessions.GetSessionByName(finding, metadata=metadata).session.session_id
        getting = session_service_pb2.GetSessionRequest(session_id=session_id)
        get.append(timed(partial(sessions.GetSession, getting, metadata=metadata)))
        adding = session_service_pb2.AddMessageRequest(
            session_id=session_id, role=message_pb2.ROLE_USER, content="What is the CIDR of the VPC?"
        )
        add.append(timed(partial(sessions.AddMessage, adding, metadata=metadata)))
    return [
        row("5", "create a session over rpc, p99", create, 10, unit="ms", share=0.99),
        row("5", "get a session over rpc, p99", get, 10, unit="ms", share=0.99),
        row("5", "add a message over rpc, p99", add, 10, unit="ms", share=0.99),
    ]


def _tool_rows(sidecar: SidecarProcess, channel: grpc.Channel, place: Place) -> list[Row]:
    tools = tool_registry_service_pb2_grpc.ToolRegistryServiceStub(channel)
    values = Struct()
    values.update({"component": "vpc", "stack": "ue1-prod"})
    request = tool_registry_service_pb2.ExecuteToolRequest(name="atmos_describe_component", input=values)
    arguments = "describe component vpc -s ue1-prod --format json --process-functions=false --process-templates=false"
    command = (place.environment["ATMOS_AI_ATMOS"], *arguments.split())

    def through_us() -> None:
        events = list(tools.ExecuteTool(request, metadata=sidecar.metadata))
        assert events[-1].result.success, events[-1]

    def directly() -> None:
        subprocess.run(command, cwd=place.project, env=dict(place.environment), check=True, capture_output=True)

    through_us()
    pairs = [(timed(through_us), timed(directly)) for _ in range(31)]
    return [
        row("12", "describe component through us minus through atmos", [a - b for a, b in pairs], 10, unit="ms"),
        row("12", "  describe component by atmos alone", [b for _, b in pairs], None, unit="ms"),
    ]


@contextmanager
def echo_server() -> Iterator[str]:
    """The address of a grpc.aio server in a process of its own that does nothing but echo."""
    command = [sys.executable, "-m", "tests.bench.echo_server"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
