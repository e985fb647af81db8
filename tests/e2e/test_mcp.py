"""`atmos-ai mcp` as other agents use it: a process, spoken to in plain lines."""

import asyncio
import json
import shlex
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.e2e.conftest import MODULE, SHIM, Project
from tests.e2e.test_tool_life import ATMOS, use_atmos

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

DESCRIBE = ("atmos_describe_component", {"component": "vpc", "stack": "ue1-prod"})
PLAN = ("atmos_terraform_plan", {"component": "vpc", "stack": "ue1-prod"})


class Agent:
    """A client of the server. Every line that comes has to be a message."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.heard: list[dict[str, Any]] = []
        self._number = 0

    async def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        await self.process.stdin.drain()

    async def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            line = await self.process.stdout.readline()
        assert line, "the server ended"
        message: dict[str, Any] = json.loads(line)
        self.heard.append(message)
        return message

    async def request(self, method: str, **params: Any) -> int:
        self._number += 1
        await self.send(id=self._number, method=method, params=params)
        return self._number

    async def answer(self, number: int) -> dict[str, Any]:
        while True:
            message = await self.next()
            if message.get("id") == number and "method" not in message:
                return message

    async def greet(self, **capabilities: Any) -> dict[str, Any]:
        client = {"name": "tester", "version": "1"}
        number = await self.request(
            "initialize", protocolVersion="2025-06-18", capabilities=capabilities, clientInfo=client
        )
        greeting = await self.answer(number)
        await self.send(method="notifications/initialized")
        return greeting

    async def call(self, name: str, arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
        number = await self.request("tools/call", name=name, arguments=arguments, **more)
        result: dict[str, Any] = (await self.answer(number))["result"]
        return result

    async def end(self) -> int:
        assert self.process.stdin is not None
        self.process.stdin.close()
        async with asyncio.timeout(60):
            return await self.process.wait()


@asynccontextmanager
async def agent(project: Project, program: Sequence[str] = MODULE) -> AsyncIterator[Agent]:
    process = await asyncio.create_subprocess_exec(
        *program,
        "mcp",
        cwd=project.directory,
        env=project.environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    try:
        yield Agent(process)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


def text(result: dict[str, Any]) -> str:
    return str(result["content"][0]["text"])


async def test_an_agent_lists_our_tools_and_calls_one(project: Project, program: tuple[str, ...]) -> None:
    async with agent(project, program) as client:
        greeting = await client.greet()
        assert greeting["result"]["serverInfo"]["name"] == "atmos-ai"
        number = await client.request("tools/list")
        tools = {tool["name"]: tool for tool in (await client.answer(number))["result"]["tools"]}
        assert tools["atmos_describe_component"]["annotations"]["readOnlyHint"] is True
        assert tools["file_edit"]["annotations"]["destructiveHint"] is True
        assert tools["file_edit"]["annotations"]["openWorldHint"] is False
        assert tools["atmos_terraform_plan"]["annotations"]["openWorldHint"] is True
        assert {"atmos_config_get", "atmos_terraform_plan"} <= set(tools)
        assert not {"execute_bash_command", "read_tool_output", "read_file"} & set(tools)
        result = await client.call(*DESCRIBE)
        assert '"cidr_block": "10.20.0.0/16"' in text(result)
        assert result["isError"] is False
        assert await client.end() == 0


async def test_without_elicitation_a_call_is_refused_and_runs_after_the_user_did_as_the_refusal_says(
    project: Project,
) -> None:
    async with agent(project) as client:
        await client.greet()
        result = await client.call(*PLAN)
        assert result["isError"] is True
        words = shlex.split(text(result).split("`")[1])
        assert words[:3] == ["atmos-ai", "permissions", "add"]
        told = await asyncio.create_subprocess_exec(
            *MODULE, *words[1:], "--yes", cwd=project.directory, env=project.environment, stdout=asyncio.subprocess.PIPE
        )
        await told.communicate()
        assert told.returncode == 0
        assert (await client.call(*PLAN))["isError"] is False
        assert await client.end() == 0


async def test_what_cannot_be_allowed_for_good_is_refused_with_where_it_can_be_asked(project: Project) -> None:
    async with agent(project) as client:
        await client.greet()
        words = ["terraform", "destroy", "vpc", "-s", "ue1-prod"]
        result = await client.call("execute_atmos_command", {"arguments": words})
        assert "permissions add" not in text(result)
        assert "`atmos-ai chat`" in text(result)


async def test_with_elicitation_the_client_is_asked_once_for_each_call(project: Project) -> None:
    async with agent(project) as client:
        await client.greet(elicitation={})
        for action, content, is_error in (("decline", None, True), ("accept", {"allow": True}, False)):
            number = await client.request("tools/call", name=PLAN[0], arguments=PLAN[1])
            question = await client.next()
            assert question["method"] == "elicitation/create"
            assert "plan vpc in ue1-prod" in question["params"]["message"]
            assert "always" not in json.dumps(question["params"]["requestedSchema"])
            reply = {"action": action, **({"content": content} if content else {})}
            await client.send(id=question["id"], result=reply)
            answer = await client.answer(number)
            assert answer["result"]["isError"] is is_error, answer
        assert await client.end() == 0
    assert answered(project) == [
        ("reject_once", "MCP client tester (unverified)"),
        ("allow_once", "MCP client tester (unverified)"),
    ]


async def test_an_accepted_form_without_the_tick_allows_nothing(project: Project) -> None:
    async with agent(project) as client:
        await client.greet(elicitation={"form": {}})
        number = await client.request("tools/call", name=PLAN[0], arguments=PLAN[1])
        question = await client.next()
        await client.send(id=question["id"], result={"action": "accept", "content": {"allow": False}})
        result = (await client.answer(number))["result"]
        assert result["isError"] is True
        assert "sent the form without the choice 'Run it this once'" in result["content"][0]["text"]


@pytest.mark.parametrize("is_restricted", [True, False])
async def test_what_is_restricted_or_destroys_is_never_elicited(project: Project, is_restricted: bool) -> None:
    words = ["version"] if is_restricted else ["terraform", "destroy", "vpc", "-s", "ue1-prod"]
    if not is_restricted:
        project.edit("      - execute_atmos_command\n", "      - something_else\n")
    async with agent(project) as client:
        await client.greet(elicitation={})
        result = await client.call("execute_atmos_command", {"arguments": words})
        assert result["isError"] is True
        assert "by way of an MCP client" in text(result)
        assert not [message for message in client.heard if message.get("method") == "elicitation/create"]


async def test_output_of_a_running_tool_is_progress_for_who_wants_it(project: Project) -> None:
    project.allow_everything()
    async with agent(project) as client:
        await client.greet()
        result = await client.call(*PLAN, _meta={"progressToken": "p"})
        assert result["isError"] is False
        told = [message["params"] for message in client.heard if message.get("method") == "notifications/progress"]
        assert told
        assert [params["progress"] for params in told] == sorted(params["progress"] for params in told)


async def test_a_call_that_the_client_cancels_is_stopped(project: Project) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    async with agent(project) as client:
        await client.greet()
        number = await client.request("tools/call", name=DESCRIBE[0], arguments=DESCRIBE[1])
        await until(lambda: replays(project))
        await client.send(method="notifications/cancelled", params={"requestId": number})
        await until(lambda: not replays(project))
        ping = await client.request("ping")
        assert (await client.answer(ping))["result"] == {}


async def test_an_untrusted_project_is_refused_in_the_protocol_and_by_exit_code(
    project: Project, program: tuple[str, ...]
) -> None:
    del project.environment["ATMOS_AI_TRUST_PROJECT"]
    async with agent(project, program) as client:
        number = await client.request("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo={})
        error = (await client.answer(number))["error"]
        assert error["data"] == {"reason": "PROJECT_UNTRUSTED"}
        assert "--trust-project" in error["message"]
        assert await client.end() == 5


async def test_sigterm_ends_it_and_what_it_started(project: Project, program: tuple[str, ...]) -> None:
    project.environment["ATMOS_REPLAY_DELAY"] = "60"
    async with agent(project, program) as client:
        await client.greet()
        await client.request("tools/call", name="atmos_list_workflows", arguments={})
        await until(lambda: replays(project))
        client.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await client.process.wait() == 143
    await until(lambda: not replays(project))


async def test_a_change_that_runs_when_the_server_is_ended_is_left_to_finish_and_told_of(project: Project) -> None:
    project.allow_everything()
    project.edit("      - execute_atmos_command\n", "      - something_else\n")
    use_atmos(project, ATMOS)
    async with agent(project, (str(SHIM),)) as client:
        await client.greet()
        words = ["terraform", "apply", "vpc", "-s", "ue1-dev"]
        await client.request("tools/call", name="execute_atmos_command", arguments={"arguments": words})
        await until((project.directory / "lock").exists)
        client.process.terminate()
        async with asyncio.timeout(60):
            assert await client.process.wait() == 143
    (project.directory / "go-on").touch()
    await until((project.directory / "applied").exists)
    await until(lambda: "ended with exit code 0" in project.run(SHIM, "tools", "running").stdout)


async def test_what_was_asked_before_the_end_of_input_is_answered(project: Project) -> None:
    async with agent(project) as client:
        await client.greet()
        number = await client.request("tools/call", name=DESCRIBE[0], arguments=DESCRIBE[1])
        assert client.process.stdin is not None
        client.process.stdin.close()
        assert (await client.answer(number))["result"]["isError"] is False
        async with asyncio.timeout(60):
            assert await client.process.wait() == 0


async def test_nonsense_and_unknown_tools_are_errors_and_the_server_lives_on(project: Project) -> None:
    async with agent(project) as client:
        await client.greet()
        assert client.process.stdin is not None
        client.process.stdin.write(b'no json\n[1]\n{"jsonrpc": "2.0", "id": 77}\n\xff\xfe\n' + b"x" * 100_000 + b"\n")
        for name in ("brew_coffee", "read_tool_output"):
            number = await client.request("tools/call", name=name, arguments={})
            assert f"There is no tool '{name}'" in (await client.answer(number))["error"]["message"]
        result = await client.call("atmos_describe_component", {"component": 7})
        assert "is not valid" in text(result)
        assert (await client.call(*DESCRIBE))["isError"] is False


def answered(project: Project) -> list[tuple[str, str]]:
    with sqlite3.connect(project.database) as connection:
        rows = connection.execute("SELECT outcome, resolved_by FROM permission_requests ORDER BY rowid")
        return [(str(outcome), str(by)) for outcome, by in rows]


def replays(project: Project) -> list[psutil.Process]:
    """The processes of the replayed Atmos that run in the project."""
    found = []
    for process in psutil.process_iter():
        try:
            if (
                "atmos_ai_sidecar/demo/bin/atmos" in " ".join(process.cmdline())
                and Path(process.cwd()) == project.directory
            ):
                found.append(process)
        except psutil.Error:
            continue
    return found


async def until(condition: Callable[[], object]) -> None:
    """Returns when it holds; another process makes it hold."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - another process makes it hold
            await asyncio.sleep(0.02)
