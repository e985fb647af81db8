"""Rows 12 and 21: how soon a call without authority is refused, and how soon a cancelled turn has ended."""

import queue
import secrets
import time
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2, sidecar_service_pb2
from atmos_ai_sidecar.v1.sidecar_service_pb2_grpc import SidecarServiceStub
from tests.e2e.conftest import Project
from tests.faults.conversations import Attached, Client
from tests.faults.figures import show
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(300)]

PACKAGE = "atmos_ai_sidecar.v1"
METHODS = {
    f"/{PACKAGE}.PermissionService/ResolvePermissionRequest": "unary_unary",
    f"/{PACKAGE}.ToolRegistryService/ExecuteTool": "unary_stream",
    f"/{PACKAGE}.Nothing/Takes": "stream_unary",
    f"/{PACKAGE}.PermissionService/Prompt": "stream_stream",
    f"/{PACKAGE}.ToolRegistryService/HostTools": "stream_stream",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "stream_stream",
}
REPEATS, REFUSED_SECONDS = 25, 0.05
CANCELS, CANCELLED_SECONDS = 20, 0.5
LOOK = {"tool_use": {"name": "atmos_list_stacks", "input": {}}}
PLAN = {"tool_use": {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}}


def test_call_without_authority_is_refused_at_once(project: Project) -> None:
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        mint = sidecar_service_pb2.MintClientTokenRequest()
        client = SidecarServiceStub(channel).MintClientToken(mint, metadata=sidecar.metadata, timeout=20).token
        callers = {"no token": (), "a wrong token": bearer(secrets.token_hex(32)), "a client": bearer(client)}
        for name, metadata in callers.items():
            samples = []
            for path, arity in METHODS.items():
                if name == "a client" and "reflection" in path:
                    continue  # this one is open to clients
                expected = grpc.StatusCode.PERMISSION_DENIED if name == "a client" else grpc.StatusCode.UNAUTHENTICATED
                samples += [refused(channel, path, arity, metadata, expected) for _ in range(REPEATS)]
            show(12, f"{name} to the refusal, all kinds of calls", samples, limit_seconds=REFUSED_SECONDS, share=0.95)


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


def refused(channel: grpc.Channel, path: str, arity: str, metadata: Any, expected: grpc.StatusCode) -> float:
    """How long the refusal took; a stream of requests stays open and sends nothing."""
    call = getattr(channel, arity)(path)
    silence: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()  # no request, and no end of them
    request = b"" if arity.startswith("unary") else iter(silence.get, None)
    begin = time.perf_counter()
    with pytest.raises(grpc.RpcError) as caught:
        first_answer(call, request, metadata)
    took = time.perf_counter() - begin
    silence.put(None)
    assert caught.value.code() is expected
    return took


def first_answer(call: Any, request: Any, metadata: Any) -> Any:
    answer = call(request, metadata=metadata, timeout=20)  # of those with one answer, this is it
    return next(answer)


def saying(attached: Attached) -> None:
    attached.until("text_delta")


def running(attached: Attached) -> None:
    attached.until("tool_call_started")


def asking(attached: Attached) -> None:
    attached.until("permission_requested")


@pytest.mark.parametrize(
    ("moment", "steps", "wait"),
    [
        ("in the middle of an answer", ["I think.", {"silence": {}}], saying),
        ("while a tool runs", [LOOK], running),
        ("while a question waits", [PLAN], asking),
    ],
)
def test_cancelled_turn_ends_at_once(
    project: Project, model: OfflineModelProcess, moment: str, steps: list[Any], wait: Callable[[Attached], None]
) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        samples = []
        for number in range(CANCELS):
            model.add_answers({"steps": steps})
            samples.append(cancelled(sidecar, channel, f"s{number}", wait))
    show(21, f"cancel {moment} to the turn's end", samples, limit_seconds=CANCELLED_SECONDS, share=0.99)


def cancelled(sidecar: SidecarProcess, channel: grpc.Channel, name: str, wait: Callable[[Attached], None]) -> float:
    with Client(sidecar, channel).attached(name, interactive=True) as attached:
        attached.say("Go.")
        wait(attached)
        begin = time.perf_counter()
        attached.send(cancel_turn=chat_service_pb2.ChatRequest.CancelTurn())
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_CANCELLED
        return time.perf_counter() - begin
