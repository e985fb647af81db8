from pathlib import Path

import pytest

from tests.conformance.suite import run_suite
from tests.conformance.tools import TOOLS
from tests.demo.replay import copy_project
from tests.mcp_server.http_server import http_server


@pytest.mark.timeout(180)
async def test_our_server_passes_the_official_suite_for_what_it_supports(tmp_path: Path) -> None:
    async with http_server(copy_project(tmp_path), tmp_path / "home", *TOOLS) as url:
        code, said = await run_suite("server", "--url", url, "--suite", "all", directory=tmp_path)
    assert code == 0, said
    for scenario in ("server-initialize", "ping", "tools-list", "tools-call-error", "json-schema-2020-12"):
        assert f"✓ {scenario}" in said, said
