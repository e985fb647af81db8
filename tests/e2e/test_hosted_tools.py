"""Tools of a client in turns of a real sidecar: the offline model calls them, and their hosts fail."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from atmos_ai_sidecar.client import CallFailedError, Client, HostedTool
from atmos_ai_sidecar.v1 import chat_service_pb2 as chat
from atmos_ai_sidecar.v1 import permission_service_pb2 as permissions
from tests.e2e.conftest import Project
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = pytest.mark.e2e
SCHEMA = {"type": "object", "properties": {"key": {"type": "string"}}, "required": ["key"]}
QUESTION = "Use the tool ticket with key NET-7."
HOST = """
import sys, time
from atmos_ai_sidecar.client import Client, HostedTool

def ticket(values):
    print("called", values["key"], flush=True)
    time.sleep(60)

tool = HostedTool(name="ticket", description="Hangs.", run=ticket, input_schema={"type": "object",
    "properties": {"key": {"type": "string"}}, "required": ["key"]})
with Client(sys.argv[1], sys.stdin.readline().strip()) as client, client.hosting("tracker", [tool]):
    print("hosting", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def sidecar(shared_demo: Project) -> Iterator[SidecarProcess]:
    with sidecar_process(directory=shared_demo.directory, environment=shared_demo.environment) as sidecar:
        yield sidecar


@pytest.fixture
def client(sidecar: SidecarProcess) -> Iterator[Client]:
    with Client(sidecar.address, sidecar.token) as client:
        yield client


def ticket(run: Callable[[Mapping[str, Any]], Any], **fields: Any) -> HostedTool:
    return HostedTool(name="ticket", description="Reads a ticket.", run=run, input_schema=SCHEMA, **fields)


def answer_with(kind: Any) -> Callable[[Any], str]:
    return lambda request: next(str(each.option_id) for each in request.options if each.answer == kind)


def outcome(events: list[Any]) -> tuple[Any, str, Any]:
    """The result of the call, the text of the answer, and how the turn ended."""
    (finished,) = [event.tool_call_finished for event in events if event.WhichOneof("event") == "tool_call_finished"]
    text = "".join(event.text_delta.text for event in events if event.WhichOneof("event") == "text_delta")
    return finished.tool_result, text, events[-1].turn_finished.stop_reason


@contextmanager
def host_process(sidecar: SidecarProcess) -> "Iterator[subprocess.Popen[str]]":
    pipe = subprocess.PIPE
    command = (sys.executable, "-c", HOST, sidecar.address)
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env={"PATH": os.environ["PATH"]}) as host:
        try:
            assert host.stdin is not None
            assert host.stdout is not None
            host.stdin.write(sidecar.token + "\n")
            host.stdin.flush()
            assert host.stdout.readline() == "hosting\n"
            yield host
        finally:
            host.kill()


def test_turn_goes_on_when_the_process_that_runs_its_tool_is_killed(sidecar: SidecarProcess, client: Client) -> None:
    with host_process(sidecar) as host:
        events = []
        for event in client.run_turn("killed", QUESTION):
            events.append(event)
            if event.WhichOneof("event") == "tool_call_started":
                assert host.stdout is not None
                assert host.stdout.readline() == "called NET-7\n"
                os.kill(host.pid, signal.SIGKILL)
    result, text, stop_reason = outcome(events)
    assert (result.success, result.reason) == (False, "TOOL_EXECUTION_FAILED")
    assert "The client that runs this tool has gone; whether the call did anything is not known." in result.error
    assert "has gone" in text
    assert stop_reason == chat.STOP_REASON_END_TURN
    assert "ticket" not in {tool.name for tool in client.tools()}
    *_, finished = client.run_turn("killed", QUESTION)
    assert finished.turn_finished.stop_reason == chat.STOP_REASON_END_TURN


def test_hosted_tool_that_writes_runs_when_a_person_allows_it(client: Client) -> None:
    calls = []

    def run(values: Mapping[str, Any]) -> str:
        calls.append(values)
        return "closed"

    with client.hosting("tracker", [ticket(run, effect="write")]):
        for kind in (permissions.ANSWER_REJECT_ONCE, None, permissions.ANSWER_ALLOW_ONCE):
            assert calls == []
            events = list(client.run_turn("asked", QUESTION, ask=answer_with(kind) if kind else None))
            result, _, _ = outcome(events)
            assert result.success == (kind == permissions.ANSWER_ALLOW_ONCE)
            (asked,) = [each.permission_requested for each in events if each.HasField("permission_requested")]
            (settled,) = [each.permission_resolved for each in events if each.HasField("permission_resolved")]
            assert "Effect     changes files" in asked.permission_request.lines
            assert settled.outcome == (kind or permissions.ANSWER_UNATTENDED)
    assert calls == [{"key": "NET-7"}]


def test_what_a_host_returns_is_redacted_and_capped(client: Client) -> None:
    secret = "ghp_" + "a1B2c3D4e5F6" * 3
    with client.hosting("tracker", [ticket(lambda _: f"token {secret}\n" + "x" * 200_000)]):
        result, _, _ = outcome(list(client.run_turn("redacted", QUESTION)))
    assert secret not in result.output
    assert "<<secret:1>>" in result.output
    assert result.truncated
    assert len(result.output) < 31_000


def test_cancelled_turn_does_not_wait_for_the_host_and_its_late_result_is_dropped(client: Client) -> None:
    called, release = threading.Event(), threading.Event()

    def run(_: Mapping[str, Any]) -> str:
        called.set()
        release.wait(30)
        return "late"

    with client.hosting("tracker", [ticket(run)]):
        turn = client.run_turn("cancelled", QUESTION)
        for event in turn:
            if event.WhichOneof("event") == "tool_call_started":
                break
        assert called.wait(20)
        turn.close()  # type: ignore[attr-defined]
        release.set()
        with client.hosting("other", [HostedTool(name="clock", description="Says it.", run=lambda _: "noon")]):
            result, text, _ = outcome(list(client.run_turn("cancelled", "Use tool clock.")))
    assert (result.output, "late" in text) == ("noon", False)


def test_name_of_a_tool_of_ours_or_of_atmos_is_refused_with_both_sources(client: Client) -> None:
    sources = {tool.name: tool.source for tool in client.tools()}
    assert sources["file_read"] != sources["get_template_context"]
    for taken in ("file_read", "get_template_context"):
        tool = HostedTool(name=taken, description="A thief.", run=lambda _: "stolen")
        with pytest.raises(CallFailedError) as caught, client.hosting("thief", [tool]):
            pass
        assert caught.value.reason == "TOOL_EXISTS"
        assert caught.value.metadata["first_source"] == sources[taken]
        assert caught.value.metadata["second_source"] == "the client thief"
