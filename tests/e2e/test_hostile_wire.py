"""Whatever somebody sends to the socket of a real sidecar: every call gets a status, and the others are served."""

import os
import random
import re
import socket
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest

from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    permission_service_pb2,
    session_service_pb2,
    sidecar_service_pb2,
    sidecar_service_pb2_grpc,
    terminal_service_pb2,
    tool_registry_service_pb2,
)
from tests.e2e.conftest import Project
from tests.fuzz import CORPUS
from tests.rpc.test_tool_registry_service import deep_struct
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = pytest.mark.e2e

ROUNDS = max(6, int(os.environ.get("ATMOS_AI_FUZZ_EXAMPLES", "0")) // 10)
SECONDS = 20
SERVICES: Sequence[Any] = [
    service
    for module in (
        chat_service_pb2,
        permission_service_pb2,
        session_service_pb2,
        sidecar_service_pb2,
        terminal_service_pb2,
        tool_registry_service_pb2,
    )
    for service in module.DESCRIPTOR.services_by_name.values()
]
RAW: dict[str, Any] = {"request_serializer": None, "response_deserializer": None}
"""Bytes as they are."""
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STARTS = (b"", PREFACE, PREFACE + b"\0\0\0\4\0\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n")


@pytest.fixture
def sidecar(demo: Project) -> Iterator[SidecarProcess]:
    """A sidecar that must be well, and have nothing to be ashamed of in its log, when the test has ended."""
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        yield sidecar
        with sidecar.channel() as channel:
            stub = sidecar_service_pb2_grpc.SidecarServiceStub(channel)
            request = sidecar_service_pb2.GetServerInfoRequest()
            assert stub.GetServerInfo(request, metadata=sidecar.metadata, timeout=SECONDS).instance_id
    assert not re.search(r"Traceback|error_id|internal error", sidecar.log()), sidecar.log()


def test_random_bytes_on_the_socket_harm_nobody(sidecar: SidecarProcess) -> None:
    chance = random.Random(8)
    sizes = [0, 1, 9, 100, 20_000]
    made = (STARTS[number % 4] + chance.randbytes(chance.choice(sizes)) for number in range(ROUNDS * 5))
    for sent in (*(path.read_bytes() for path in sorted((CORPUS / "wire").iterdir())), *made):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(SECONDS)
            client.connect(sidecar.address.removeprefix("unix://"))
            try:
                client.sendall(sent)
            except OSError:
                continue  # it has seen enough


def test_garbage_in_place_of_messages_gets_a_status_from_every_rpc(sidecar: SidecarProcess) -> None:
    chance = random.Random(8)
    with sidecar.channel() as channel:
        for service in SERVICES:
            for method in service.methods:
                call = channel.stream_stream(f"/{service.full_name}/{method.name}", **RAW)
                for _ in range(ROUNDS):
                    # 0xff is no tag of protobuf, so that no garbage happens to be a message.
                    garbage = b"\xff" + chance.randbytes(chance.choice([0, 1, 7, 300]))
                    with pytest.raises(grpc.RpcError) as raised:
                        list(call(iter([garbage]), metadata=sidecar.metadata, timeout=SECONDS))
                    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT, method.full_name


def test_changed_messages_get_an_answer_or_a_status_with_a_reason(sidecar: SidecarProcess) -> None:
    chance = random.Random(8)
    with sidecar.channel() as channel:
        for service in SERVICES:
            for method in service.methods:
                if method.client_streaming or method.server_streaming or method.name == "Shutdown":
                    continue
                call = channel.unary_unary(f"/{service.full_name}/{method.name}", **RAW)
                for _ in range(ROUNDS):
                    # Fields 1 to 5, each a short text or a number: many of them are messages, with values nobody means.
                    fields = b"".join(_field(chance) for _ in range(chance.randint(0, 4)))
                    try:
                        call(fields, metadata=sidecar.metadata, timeout=SECONDS)
                    except grpc.RpcError as error:
                        status: Any = error
                        if status.code() in {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}:
                            pytest.fail(f"{method.full_name} with {fields!r}: {status.details()}")


def test_struct_nested_ten_thousand_levels_is_refused(sidecar: SidecarProcess) -> None:
    with sidecar.channel() as channel:
        call = channel.unary_stream("/atmos_ai_sidecar.v1.ToolRegistryService/ExecuteTool", **RAW)
        with pytest.raises(grpc.RpcError) as raised:
            list(call(deep_struct(10_000), metadata=sidecar.metadata, timeout=SECONDS))
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def _field(chance: random.Random) -> bytes:
    number = chance.randint(1, 5)
    if chance.random() < 0.5:
        return bytes([number << 3, chance.choice([0, 1, 127])])
    text = chance.choice(
        [b"", b"a", b"\x00", b"../..", b"\x1b[2J", "é\u202e".encode(), b"%s" * 9, b"\x0a\x01a", b"x" * 120]
    )
    return bytes([number << 3 | 2, len(text)]) + text
