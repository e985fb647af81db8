import asyncio
import sys
from pathlib import Path

import pytest

from tests.conformance.client import use_server
from tests.conformance.suite import run_suite

FORWARD = Path(__file__).with_name("forward.py")


@pytest.mark.timeout(180)
async def test_our_client_passes_the_official_suite_but_for_what_is_not_offered(tmp_path: Path) -> None:
    address = str(tmp_path / "client")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        url = (await reader.readline()).decode().strip()
        writer.write(str(await use_server(url)).encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(answer, address):
        command = f"{sys.executable} -I -S {FORWARD} {address}"
        code, said = await run_suite("client", "--command", command, "--suite", "all", directory=tmp_path)
    assert code == 0, said
    for scenario in ("initialize", "tools_call", "sse-retry"):
        assert f"✓ {scenario}" in said, said
