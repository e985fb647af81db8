"""The services of a real sidecar, from its handshake to its end, as a foreign client sees them."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from atmos_ai_sidecar.v1 import (
    chat_service_pb2,
    chat_service_pb2_grpc,
    permission_service_pb2,
    permission_service_pb2_grpc,
    session_service_pb2,
    session_service_pb2_grpc,
    sidecar_service_pb2,
    sidecar_service_pb2_grpc,
    tool_registry_service_pb2,
    tool_registry_service_pb2_grpc,
)
from tests.e2e.conftest import SHIM, Project
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = pytest.mark.e2e

TIMEOUT = 20


@pytest.fixture
def sidecar(demo: Project) -> Iterator[SidecarProcess]:
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        yield sidecar


@pytest.fixture
def channel(sidecar: SidecarProcess) -> Iterator[grpc.Channel]:
    with sidecar.channel() as channel:
        yield channel


def struct(**values: Any) -> Struct:
    made = Struct()
    made.update(values)
    return made


def test_sidecar_says_who_it_is_and_leaves_nothing_behind(demo: Project) -> None:
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        with sidecar.channel() as channel:
            stub = sidecar_service_pb2_grpc.SidecarServiceStub(channel)
            info = stub.GetServerInfo(
                sidecar_service_pb2.GetServerInfoRequest(), metadata=sidecar.metadata, timeout=TIMEOUT
            )
            assert info.process_id == sidecar.process.pid
            assert info.role == "owner"
            assert sidecar.socket_directory.stat().st_mode & 0o777 == 0o700
            stub.Shutdown(sidecar_service_pb2.ShutdownRequest(), metadata=sidecar.metadata, timeout=TIMEOUT)
        assert sidecar.process.wait(TIMEOUT) == 0
        assert not sidecar.socket_directory.exists()


def test_nothing_slow_is_loaded_when_the_handshake_line_comes(demo: Project) -> None:
    # The real composition root, started in a process that looks at its own modules.
    program = (
        "import asyncio, sys, tempfile; from atmos_ai_sidecar import app\n"
        "from atmos_ai_sidecar.sidecar.serve import Launch\n"
        "async def main():\n"
        "    with tempfile.TemporaryDirectory() as folder:\n"
        "        launch = Launch(socket_path=folder + '/s', token='ab' * 32, request_shutdown=lambda grace: None)\n"
        "        running = await app.start_sidecar(launch)\n"
        "        print(*sys.modules)\n"
        "        await running.stop(0)\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-I", "-c", program]
    loaded = subprocess.run(
        command, cwd=demo.directory, env=demo.environment, check=True, capture_output=True, text=True, timeout=TIMEOUT
    ).stdout.split()
    slow = {
        "anthropic",
        "mcp",
        "prompt_toolkit",
        "rich",
        "click",
        "aiosqlite",
        "jsonschema",
        "starlette",
        "tree_sitter",
    }
    assert "grpc" in loaded
    assert slow.isdisjoint(loaded)


def test_end_of_the_life_line_ends_the_sidecar(demo: Project) -> None:
    with sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar:
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        assert sidecar.process.wait(5) == 0
        assert not sidecar.socket_directory.exists()


def test_tool_is_run_and_its_result_comes_last(sidecar: SidecarProcess, channel: grpc.Channel) -> None:
    tools = tool_registry_service_pb2_grpc.ToolRegistryServiceStub(channel)
    request = tool_registry_service_pb2.ExecuteToolRequest(
        name="atmos_describe_component", input=struct(component="vpc", stack="ue1-prod")
    )
    *_, last = tools.ExecuteTool(request, metadata=sidecar.metadata, timeout=TIMEOUT)
    assert last.result.success
    assert last.result.data.struct_value["vars"]["cidr_block"] == "10.20.0.0/16"


@pytest.mark.parametrize(
    ("name", "values", "code", "reason"),
    [
        ("atmos_nothing", {}, grpc.StatusCode.NOT_FOUND, "TOOL_NOT_FOUND"),
        ("atmos_describe_component", {"component": 1}, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD"),
        (
            "atmos_terraform_plan",
            {"component": "vpc", "stack": "ue1-dev"},
            grpc.StatusCode.PERMISSION_DENIED,
            "UNATTENDED",
        ),
    ],
)
def test_tool_that_may_not_or_cannot_run_is_a_status_with_its_reason(
    sidecar: SidecarProcess,
    channel: grpc.Channel,
    name: str,
    values: dict[str, Any],
    code: grpc.StatusCode,
    reason: str,
) -> None:
    tools = tool_registry_service_pb2_grpc.ToolRegistryServiceStub(channel)
    request = tool_registry_service_pb2.ExecuteToolRequest(name=name, input=struct(**values))
    with pytest.raises(grpc.RpcError) as raised:
        list(tools.ExecuteTool(request, metadata=sidecar.metadata, timeout=TIMEOUT))
    assert raised.value.code() is code
    (details,) = [
        item.value for item in raised.value.trailing_metadata() or () if item.key == "grpc-status-details-bin"
    ]
    assert reason.encode() in bytes(details)


def test_question_of_a_turn_is_answered_by_a_prompter_over_the_wire(
    sidecar: SidecarProcess, channel: grpc.Channel
) -> None:
    chat = chat_service_pb2_grpc.ChatServiceStub(channel)
    permissions = permission_service_pb2_grpc.PermissionServiceStub(channel)
    requests = [
        chat_service_pb2.ChatRequest(
            event_id="11111111-0000-4000-8000-000000000001",
            attach=chat_service_pb2.ChatRequest.Attach(session_name="wire", interactive=True),
        ),
        chat_service_pb2.ChatRequest(
            event_id="11111111-0000-4000-8000-000000000002",
            user_message=chat_service_pb2.ChatRequest.UserMessage(text="Plan the database in ue1-prod."),
        ),
    ]
    text, seqs, resolved = "", [], None
    for event in chat.Chat(iter(requests), metadata=sidecar.metadata, timeout=TIMEOUT):
        kind = event.WhichOneof("event")
        seqs.append(event.seq)
        if kind == "permission_requested":
            asked = event.permission_requested.permission_request
            assert asked.stack == "ue1-prod"
            answer = permission_service_pb2.ResolvePermissionRequestRequest(
                permission_request_id=asked.permission_request_id,
                option_id=asked.options[0].option_id,
                digest=asked.digest,
            )
            resolved = permissions.ResolvePermissionRequest(answer, metadata=sidecar.metadata, timeout=TIMEOUT)
        elif kind == "text_delta":
            text += event.text_delta.text
        elif kind == "turn_finished":
            assert event.turn_finished.stop_reason == chat_service_pb2.STOP_REASON_END_TURN
    assert resolved is not None
    assert "1 to add, 0 to change, 0 to destroy" in text
    assert seqs == [0, *range(1, len(seqs))]


def test_client_token_reads_and_chats_but_neither_answers_nor_runs_tools(
    sidecar: SidecarProcess, channel: grpc.Channel
) -> None:
    minted = sidecar_service_pb2_grpc.SidecarServiceStub(channel).MintClientToken(
        sidecar_service_pb2.MintClientTokenRequest(), metadata=sidecar.metadata, timeout=TIMEOUT
    )
    client = (("authorization", f"Bearer {minted.token}"),)
    sessions = session_service_pb2_grpc.SessionServiceStub(channel)
    assert not sessions.ListSessions(
        session_service_pb2.ListSessionsRequest(), metadata=client, timeout=TIMEOUT
    ).sessions
    tools = tool_registry_service_pb2_grpc.ToolRegistryServiceStub(channel)
    with pytest.raises(grpc.RpcError) as raised:
        list(
            tools.ExecuteTool(
                tool_registry_service_pb2.ExecuteToolRequest(name="atmos_list_stacks"), metadata=client, timeout=TIMEOUT
            )
        )
    assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_sidecar_run_prints_a_token_and_a_complete_grpcurl_line(demo: Project) -> None:
    process = subprocess.Popen(
        (SHIM, "sidecar", "run"),
        cwd=demo.directory,
        env=demo.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        export, line = process.stdout.readline(), process.stdout.readline()
        token = re.fullmatch(r"export ATMOS_AI_TOKEN=(\w+)\n", export)
        call = re.fullmatch(
            r"grpcurl .*-expand-headers .*Bearer \$\{ATMOS_AI_TOKEN\}.* (/\S+) "
            r"atmos_ai_sidecar\.v1\.SessionService/ListSessions\n",
            line,
        )
        assert token is not None
        assert call is not None
        assert token[1] not in line
        with grpc.insecure_channel(f"unix:{call[1]}") as channel:
            listed = session_service_pb2_grpc.SessionServiceStub(channel).ListSessions(
                session_service_pb2.ListSessionsRequest(),
                metadata=(("authorization", f"Bearer {token[1]}"),),
                timeout=TIMEOUT,
            )
            assert listed.next_page_token == ""
        assert Path(call[1]).parent.stat().st_mode & 0o777 == 0o700
    finally:
        process.terminate()
        process.communicate(timeout=TIMEOUT)
    assert not Path(call[1]).parent.exists()
