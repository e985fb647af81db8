import asyncio
import json
from pathlib import Path
from typing import Any

import mcp
import pytest
from mcp.client.stdio import stdio_client

from tests.demo.replay import ATMOS, DEMO, copy_project, environment

RECORDED = json.loads((DEMO / "recordings" / "mcp.json").read_text("utf-8"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return copy_project(tmp_path)


class Server:
    """`atmos mcp start` as a process, spoken to in plain lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._stdin, self._stdout = process.stdin, process.stdout

    async def ask(self, line: str) -> Any:
        self._stdin.write(line.encode() + b"\n")
        async with asyncio.timeout(5):
            return json.loads(await self._stdout.readline())

    async def call(self, name: str, arguments: dict[str, Any]) -> Any:
        parameters = {"name": name, "arguments": arguments}
        return await self.ask(json.dumps({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": parameters}))

    async def end(self) -> int:
        self._stdin.close()
        async with asyncio.timeout(5):
            return await self._process.wait()


async def start(project: Path, **additions: str) -> Server:
    pipe = asyncio.subprocess.PIPE
    return Server(
        await asyncio.create_subprocess_exec(
            *(ATMOS, "mcp", "start"), cwd=project, env=environment(**additions), stdin=pipe, stdout=pipe, limit=1 << 20
        )
    )


async def test_every_recorded_call_is_answered_exactly_and_end_of_input_ends_it(project: Path) -> None:
    server = await start(project)
    for call in RECORDED["tools/call"]:
        answer = await server.call(call["name"], call["arguments"])
        wanted = json.loads(json.dumps(call["answer"]).replace("{project}", str(project)))
        assert answer == {"jsonrpc": "2.0", "id": 7, **wanted}
    assert await server.end() == 0


async def test_the_official_client_can_use_it(project: Path) -> None:
    parameters = mcp.StdioServerParameters(
        command=str(ATMOS), args=["mcp", "start"], env=environment(), cwd=str(project)
    )
    async with asyncio.timeout(20), stdio_client(parameters) as streams, mcp.ClientSession(*streams) as session:
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert len(tools) == 62
        done = await session.call_tool("atmos_describe_component", {"component": "vpc", "stack": "ue1-prod"})
        assert "cidr_block: 10.20.0.0/16" in done.content[0].text  # type: ignore[union-attr]


async def test_tools_come_in_random_order(project: Path) -> None:
    server = await start(project)
    orders = [await server.ask('{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}') for _ in range(2)]
    names = [[tool["name"] for tool in order["result"]["tools"]] for order in orders]
    assert names[0] != names[1]
    assert sorted(names[0]) == sorted(names[1])
    await server.end()


async def test_what_is_not_recorded_is_an_error_result_that_says_so(project: Path) -> None:
    server = await start(project)
    for name, arguments in (("atmos_list_stacks", {"format": "toml"}), ("brew_coffee", {})):
        result = (await server.call(name, arguments))["result"]
        assert result["isError"] is True
        assert f"no recorded answer for {name}" in result["content"][0]["text"]
    await server.end()


async def test_a_scenario_has_no_recorded_calls(project: Path) -> None:
    server = await start(project, ATMOS_REPLAY_SCENARIO="broken-yaml")
    result = (await server.call("atmos_list_stacks", {}))["result"]
    assert "in the scenario broken-yaml" in result["content"][0]["text"]
    await server.end()


async def test_it_goes_stale_as_the_real_one_but_reads_files_fresh(project: Path) -> None:
    server = await start(project)
    await server.call("atmos_list_stacks", {})
    catalog = project / "stacks" / "catalog" / "vpc.yaml"
    catalog.write_text(catalog.read_text().replace("platform", "network"))
    assert "isError" not in (await server.call("atmos_list_stacks", {}))["result"]
    read = (await server.call("read_stack_file", {"file_path": "catalog/vpc.yaml"}))["result"]
    assert "vpc.yaml was edited" in read["content"][0]["text"]
    await server.end()
    restarted = await start(project)
    assert (await restarted.call("atmos_list_stacks", {}))["result"]["isError"] is True
    await restarted.end()


@pytest.mark.parametrize(
    ("line", "code"),
    [("{", -32700), ("[]", -32600), ('{"id": 1}', -32600), ('{"jsonrpc": "2.0", "id": 1, "method": "x"}', -32601)],
)
async def test_a_bad_message_gets_the_error_code_of_json_rpc(line: str, code: int, project: Path) -> None:
    server = await start(project)
    assert (await server.ask(line))["error"]["code"] == code
    await server.end()


async def test_notifications_get_no_answer(project: Path) -> None:
    server = await start(project)
    ping = '{"jsonrpc": "2.0", "id": "p", "method": "ping"}'
    answer = await server.ask('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n' + ping)
    assert answer == {"jsonrpc": "2.0", "id": "p", "result": {}}
    await server.end()
