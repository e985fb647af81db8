"""The Python client against a real sidecar."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.client import AsyncClient, CallFailedError, Client, HostedTool, LaunchFailedError
from atmos_ai_sidecar.v1 import permission_service_pb2 as permissions
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as registry
from atmos_ai_sidecar.v1.tool_registry_service_pb2_grpc import ToolRegistryServiceStub
from tests.e2e.conftest import Project, demo, model_url, project

__all__ = ["demo", "model_url", "project"]
SCHEMA = {"type": "object", "properties": {"key": {"type": "string"}, "count": {"type": "integer"}}}


def ticket(values: Mapping[str, Any]) -> str:
    if values.get("key") == "broken":
        raise LookupError("no such ticket")
    return f"ticket {sorted(values.items())}"


TICKET = HostedTool(name="ticket", description="Reads a ticket.", run=ticket, input_schema=SCHEMA)


def allow_once(request: Any) -> str:
    option: str = next(each.option_id for each in request.options if each.answer == permissions.ANSWER_ALLOW_ONCE)
    return option


def call(**values: Any) -> registry.ExecuteToolRequest:
    request = registry.ExecuteToolRequest(name="ticket")
    request.input.update(values)
    return request


@pytest.fixture
def client(demo: Project) -> Iterator[Client]:
    with Client.launch(demo.directory, demo.environment) as client:
        yield client


@pytest.fixture
async def async_client(demo: Project) -> AsyncIterator[AsyncClient]:
    async with await AsyncClient.launch(demo.directory, demo.environment) as client:
        yield client


def test_turn_streams_and_asks_and_its_session_is_listed(client: Client) -> None:
    asked: list[str] = []

    def ask(request: Any) -> str:
        asked.append(request.stack)
        return allow_once(request)

    events = list(client.run_turn("client", "Plan the database in ue1-prod.", ask=ask))
    assert asked == ["ue1-prod"]
    assert events[-1].WhichOneof("event") == "turn_finished"
    text = "".join(event.text_delta.text for event in events if event.WhichOneof("event") == "text_delta")
    assert "1 to add, 0 to change, 0 to destroy" in text
    assert [session.name for session in client.sessions()] == ["client"]


def test_tool_runs_in_the_client_as_long_as_it_is_hosted(client: Client) -> None:
    stub = client.stub(ToolRegistryServiceStub)
    with client.hosting("tracker", [TICKET]):
        assert "ticket" in {tool.name for tool in client.tools()}
        *_, last = stub.ExecuteTool(call(key="A-1", count=3), metadata=client.metadata, timeout=20)
        assert last.result.output == "ticket [('count', 3), ('key', 'A-1')]"
        *_, last = stub.ExecuteTool(call(key="broken"), metadata=client.metadata, timeout=20)
        assert last.result.error == "LookupError: no such ticket"
        with pytest.raises(CallFailedError) as caught, client.hosting("thief", [TICKET]):
            pass
        assert (caught.value.reason, caught.value.metadata["first_source"]) == ("TOOL_EXISTS", "the client tracker")
    assert "ticket" not in {tool.name for tool in client.tools()}


async def test_async_client_does_the_same(async_client: AsyncClient) -> None:
    async def ask(request: Any) -> str:
        return allow_once(request)

    async def run(values: Mapping[str, Any]) -> str:
        return ticket(values)

    events = [event async for event in async_client.run_turn("client", "Plan the database in ue1-prod.", ask=ask)]
    assert {"permission_requested", "permission_resolved"} <= {event.WhichOneof("event") for event in events}
    assert events[-1].WhichOneof("event") == "turn_finished"
    assert [session.name async for session in async_client.sessions()] == ["client"]
    tool = HostedTool(name="ticket", description="Reads a ticket.", run=run, input_schema=SCHEMA)
    async with async_client.hosting("tracker", [tool]):
        stub = async_client.stub(ToolRegistryServiceStub)
        answers = [answer async for answer in stub.ExecuteTool(call(key="A-1"), metadata=async_client.metadata)]
        assert answers[-1].result.output == "ticket [('key', 'A-1')]"
        with pytest.raises(CallFailedError, match="registered by"):
            async with async_client.hosting("thief", [TICKET]):
                pass


def test_client_attaches_to_a_sidecar_that_runs_and_a_wrong_token_is_named(client: Client) -> None:
    assert client._sidecar is not None
    with Client(client._sidecar.address, client._sidecar.token) as second:
        assert list(second.sessions()) == []
    with Client(client._sidecar.address, "0" * 64) as stranger, pytest.raises(CallFailedError) as caught:
        list(stranger.sessions())
    assert caught.value.reason == "TOKEN_INVALID"


def test_start_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(LaunchFailedError, match="No such file"):
        Client.launch(tmp_path / "missing")


def test_client_imports_nothing_slow() -> None:
    script = "import sys, atmos_ai_sidecar.client; print(*(name.partition('.')[0] for name in sys.modules))"
    done = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert not {"anthropic", "mcp", "rich", "prompt_toolkit", "jsonschema"} & set(done.stdout.split())
