"""An older or newer shim, unknown fields and events: it works without the feature, or says so at the handshake."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, cast

import grpc
import pytest

from atmos_ai_sidecar.handshake import MAGIC, Handshake, StartError, parse_handshake
from atmos_ai_sidecar.v1 import session_service_pb2
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from tests.faults.conversations import refusal
from tests.sidecar_process import COMMAND, sidecar_process

UNKNOWN_FIELD = b"\xfa\x3e\x05later"  # field 1007, a string


def greeted(values: dict[str, Any]) -> tuple[Handshake | StartError | None, int]:
    """What a sidecar answers to a bootstrap line, and how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o700)
        bootstrap = {
            "magic": MAGIC,
            "protocol_versions": [1],
            "token": "ab" * 32,
            "socket_directory": folder,
            "parent_pid": os.getpid(),
        }
        done = subprocess.run(
            COMMAND,
            input=json.dumps({**bootstrap, **values}).encode() + b"\n",
            env={"PATH": os.environ["PATH"], "HOME": folder},
            capture_output=True,
            timeout=30,
            check=False,
        )
    return parse_handshake(done.stdout), done.returncode


@pytest.mark.parametrize(
    "values",
    [
        {"protocol_versions": [1, 2, 3]},
        {"protocol_versions": [0, 1], "client_version": "0.0.1"},
        {"a_later_key": {"deep": [1]}},
    ],
)
def test_bootstrap_of_another_version_with_a_common_protocol_is_served(values: dict[str, Any]) -> None:
    answer, code = greeted(values)
    assert isinstance(answer, Handshake)
    assert (answer.protocol_version, code) == (1, 0)


@pytest.mark.parametrize("versions", [[2], [0], []])
def test_no_common_protocol_is_told_at_the_handshake(versions: list[int]) -> None:
    answer, code = greeted({"protocol_versions": versions})
    assert isinstance(answer, StartError)
    assert (answer.reason, code) == ("PROTOCOL_MISMATCH", 76)


def test_fields_and_values_of_a_later_version_do_no_harm(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "atmos.yaml").write_text("ai:\n  enabled: true\n  tools:\n    enabled: false\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ATMOS_AI_TRUST_PROJECT": "1"}
    with sidecar_process(directory=project, environment=environment) as sidecar, sidecar.channel() as channel:
        request = session_service_pb2.CreateSessionRequest.FromString(
            session_service_pb2.CreateSessionRequest(name="later").SerializeToString() + UNKNOWN_FIELD
        )
        created = SessionServiceStub(channel).CreateSession(request, metadata=sidecar.metadata, timeout=20)
        assert created.session.name == "later"
        add = session_service_pb2.AddMessageRequest(
            session_id=created.session.session_id, role=cast("Any", 99), content="x"
        )
        code, reason, _ = refusal(
            lambda: SessionServiceStub(channel).AddMessage(add, metadata=sidecar.metadata, timeout=20)
        )
        assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
        later = channel.unary_unary("/atmos_ai_sidecar.v1.SessionService/SplitSession", bytes, bytes)
        with pytest.raises(grpc.RpcError) as unknown:
            later(b"", metadata=sidecar.metadata, timeout=20)
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED
