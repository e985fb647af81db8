"""One client of the server, in memory: what it says and hears is on a console that is no terminal."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.app import Sidecar
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.domain.tools import Effect, Execution, Result, Tool
from atmos_ai_sidecar.errors import MessageTooLargeError, StorageCorruptError
from atmos_ai_sidecar.mcp_server import serving, streams
from tests.demo.replay import ATMOS, copy_project, environment
from tests.fakes.console import FakeConsole

HELLO = {
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


class Client:
    def __init__(self) -> None:
        self.console = FakeConsole(stdin_is_terminal=False, stdout_is_terminal=False)

    def say(self, **message: Any) -> None:
        self.console.type(json.dumps({"jsonrpc": "2.0", **message}) + "\n")

    @property
    def heard(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.console.stdout.splitlines()]

    async def answer(self, number: int) -> dict[str, Any]:
        await self.console.wait_until(lambda: any(message.get("id") == number for message in self.heard))
        return next(message for message in self.heard if message.get("id") == number)


class Waiting:
    """A tool that waits until it is stopped."""

    def __init__(self) -> None:
        self.started = asyncio.Event()

    async def run(self, _values: Mapping[str, Any], _execution: Execution) -> Result:
        self.started.set()
        await asyncio.Event().wait()
        raise AssertionError

    def tool(self) -> Tool:
        return Tool(
            name="wait_long",
            description="Waits.",
            parameters=(),
            effect=Effect.READ,
            requires_permission=False,
            execute=self.run,
        )


@asynccontextmanager
async def serving_client(tmp_path: Path, *tools: Tool) -> AsyncIterator[tuple[Client, "asyncio.Task[int]"]]:
    """A client, and the task that serves it."""
    home = tmp_path / "home"
    variables = environment(HOME=str(home), ATMOS_AI_ATMOS=str(ATMOS), XDG_STATE_HOME=str(home / "state"))
    run = Run(run_id="", directory=str(copy_project(tmp_path)), environment=variables)
    sidecar, client = Sidecar(), Client()

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        async with sidecar.open_workspace(run, RunOptions(trust_project=True)) as workspace:
            for tool in tools:
                workspace.tools.registry.register(tool)
            yield workspace

    task = asyncio.create_task(serving.serve_mcp(client.console, opened, sidecar.approvals, version="1"))
    try:
        async with asyncio.timeout(60):
            yield client, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await sidecar.close()


async def test_a_call_that_was_cancelled_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "_LAST_ANSWERS_SECONDS", 3600.0)
    waiting = Waiting()
    async with serving_client(tmp_path, waiting.tool()) as (client, task):
        client.say(id=1, **HELLO)
        client.say(id=2, method="tools/call", params={"name": "wait_long", "arguments": {}})
        await waiting.started.wait()
        client.say(method="notifications/cancelled", params={"requestId": 2})
        client.say(id=3, method="ping")
        client.console.end_input()
        assert await task == 0
        assert [message["id"] for message in client.heard] == [1, 3]


async def test_a_line_beyond_the_limit_ends_the_connection_and_the_client_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MAX_LINE_BYTES", 1000)
    async with serving_client(tmp_path) as (client, task):
        client.say(id=1, **HELLO)
        await client.answer(1)
        client.console.type(b"x" * 2000)
        with pytest.raises(MessageTooLargeError, match="longer than 1000 bytes"):
            await task
        assert client.heard[-1]["error"]["data"] == {"reason": "MESSAGE_TOO_LARGE"}


async def test_what_is_no_message_is_answered_and_the_server_lives_on(tmp_path: Path) -> None:
    async with serving_client(tmp_path) as (client, task):
        client.console.type(b'nonsense\n{"id": 7, "method": "ping"}\n\n')
        client.say(id=8, method="ping")
        assert (await client.answer(8))["result"] == {}
        assert (await client.answer(7))["error"]["code"] == -32600
        assert client.heard[0]["error"]["code"] == -32700
        client.console.end_input()
        assert await task == 0


@pytest.mark.parametrize("method", ["tools/list", "tools/call"])
async def test_an_error_is_told_with_its_reason_and_one_that_nobody_meant_with_a_number_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    errors: list[Exception] = [RuntimeError("hunter2"), StorageCorruptError("The file is broken.")]

    def pin(_permissions: Permissions) -> None:
        raise errors.pop()

    monkeypatch.setattr(Permissions, "pin", pin)
    params = {"name": "atmos_list_stacks"} if method == "tools/call" else {}
    async with serving_client(tmp_path) as (client, _task):
        client.say(id=1, **HELLO)
        client.say(id=2, method=method, params=params)
        meant = (await client.answer(2))["error"]
        assert (meant["message"], meant["data"]) == ("The file is broken.", {"reason": "STORAGE_CORRUPT"})
        client.say(id=3, method=method, params=params)
        told = (await client.answer(3))["error"]
        assert told["code"] == -32603
        assert "hunter2" not in json.dumps(told)
        assert told["data"]["error_id"] in caplog.text
