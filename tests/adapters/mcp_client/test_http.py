"""Servers over HTTP, as they fail."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.mcp_client import ServerSettings
from tests.adapters.mcp_client.conftest import World

Answer = Callable[[dict[str, Any], dict[str, str]], tuple[int, str, str] | None]
"""From a message and the headers to status, content type and body; None: the connection is cut."""


@asynccontextmanager
async def web(answer: Answer) -> AsyncIterator[str]:
    """The URL of a server that answers each POST once."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _exchange(reader, writer, answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp"


async def _exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *rest = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest) if name}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    if not first.startswith("POST"):
        writer.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    told = answer(json.loads(body), headers)
    if told is None:
        return
    status, kind, text = told
    data = text.encode()
    length = f"Content-Length: {len(data)}\r\nConnection: close"
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{length}\r\n\r\n".encode() + data)
    await writer.drain()


def good(message: dict[str, Any], _headers: dict[str, str]) -> tuple[int, str, str] | None:
    """A server with two tools, one of which never answers."""
    results: dict[str, Any] = {
        "initialize": {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "web", "version": "1"},
        },
        "tools/list": {"tools": [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "die")]},
        "tools/call": {"content": [{"type": "text", "text": "hi"}]},
    }
    if "id" not in message:
        return 202, "application/json", ""
    if message["method"] == "tools/call" and message["params"]["name"] == "die":
        return None
    answer = {"jsonrpc": "2.0", "id": message["id"], "result": results[message["method"]]}
    return 200, "application/json", json.dumps(answer)


def settings(url: str, **more: Any) -> ServerSettings:
    return ServerSettings(name="web", url=url, **more)


async def test_a_call_is_answered_and_headers_are_sent_but_to_nobody_else(world: World) -> None:
    seen: list[dict[str, str]] = []

    def answer(message: dict[str, Any], headers: dict[str, str]) -> tuple[int, str, str] | None:
        seen.append(headers)
        return good(message, headers)

    async with web(answer) as url:
        servers = world.servers(settings(url, headers={"Authorization": "Bearer t"}))
        tools = {tool.name: tool for tool in await servers.tools()}
        assert (await world.run(tools["web__echo"])).output == "hi"
        await servers.close()
    assert seen
    assert all(headers["authorization"] == "Bearer t" for headers in seen)


async def test_a_call_that_is_cut_off_is_unknown(world: World) -> None:
    calls = 0

    def answer(message: dict[str, Any], headers: dict[str, str]) -> tuple[int, str, str] | None:
        nonlocal calls
        calls += message["method"] == "tools/call"
        return good(message, headers)

    async with web(answer) as url:
        servers = world.servers(settings(url))
        tools = {tool.name: tool for tool in await servers.tools()}
        result = await world.run(tools["web__die"])
        assert not result.success
        assert "not known" in result.output, result.output
        assert calls == 1
        await servers.close()


@pytest.mark.parametrize(
    ("status", "kind", "body", "said"),
    [
        (401, "text/plain", "no", "HTTP 401: is there a right token"),
        (404, "text/html", "<html>", "404"),
        (500, "text/plain", "boom", "HTTP 500"),
        (200, "text/html", "<html>login</html>", "text/html"),
        (200, "application/json", "no json", ""),
        (200, "application/json", '{"jsonrpc": "2.0", "id": 1, "result": 7}', ""),
        (302, "text/plain", "", ""),
    ],
)
async def test_a_server_that_is_none_is_left_out_with_the_reason(
    status: int, kind: str, body: str, said: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atmos_ai_sidecar.adapters.mcp_client.server.START_SECONDS", 3.0)
    async with web(lambda _message, _headers: (status, kind, body)) as url:
        servers = world.servers(settings(url))
        assert await servers.tools() == ()
        (problem,) = servers.problems
        assert problem.startswith("The MCP server web is left out: ")
        assert said in problem
        await servers.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/mcp", "ftp://127.0.0.1/x", "no url", "http://"])
async def test_an_address_that_leads_nowhere_is_reported(url: str, world: World) -> None:
    servers = world.servers(settings(url))
    assert await servers.tools() == ()
    assert len(servers.problems) == 1


async def test_a_proxy_of_the_environment_is_used(world: World) -> None:
    servers = world.servers(
        settings("http://mcp.example.invalid/mcp", environment={"HTTP_PROXY": "http://127.0.0.1:9"})
    )
    assert await servers.tools() == ()
    assert "left out" in servers.problems[0]
