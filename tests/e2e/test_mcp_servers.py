"""Tools of other servers in whole turns: offered to the model, asked about, and told the truth about when they die."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from tests.e2e.conftest import DEMO, MODULE, Project

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SERVER = Path(__file__).parents[1] / "adapters" / "mcp_client" / "server.py"


@pytest.fixture
def served(project: Project, tmp_path: Path) -> Project:
    """The project with a good server, one that ends at once, and one that is called with its last breath."""
    servers = "".join(
        f"    {name}: {{command: '{sys.executable}', args: [-I, -S, '{SERVER}', {mode}], "
        f"env: {{MCP_TEST_LOG: '{tmp_path / 'log'}'}}{more}}}\n"
        for name, mode, more in (
            ("good", "good", ""),
            ("broken", "dies-at-once", ""),
            ("readonly", "good", ", read_only: true"),
        )
    )
    project.edit("mcp:\n  enabled: true\n", f"mcp:\n  enabled: true\n  servers:\n{servers}")
    return project


def notes(tmp_path: Path, key: str) -> list[Any]:
    lines = (tmp_path / "log").read_text().splitlines()
    return [note[key] for line in lines if key in (note := json.loads(line))]


def call(tool: str, **values: Any) -> dict[str, Any]:
    return {"steps": [{"tool_use": {"name": tool, "input": values}}]}


def results(model: OfflineModelProcess) -> list[str]:
    """What the model was told about its calls."""
    blocks = [
        block
        for request in model.requests()
        for message in request["json"]["messages"]
        if isinstance(message["content"], list)
        for block in message["content"]
    ]
    return [json.dumps(block) for block in blocks if block["type"] == "tool_result"]


def test_the_model_is_offered_the_tools_and_a_call_asks(served: Project, model: OfflineModelProcess) -> None:
    model.add_answers(call("good__echo", text="hi"), "Not allowed.")
    done = served.run(*MODULE, "exec", "Say hi.", "-f", "json")
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout)["approvals_needed"][0]["tool"] == "good__echo"
    offered = {tool["name"] for tool in model.requests()[0]["json"]["tools"]}
    assert {"good__echo", "readonly__echo", "atmos_config_get", "atmos_describe_component"} <= offered
    assert not any(name.startswith("broken__") for name in offered)
    (notice,) = json.loads(done.stdout)["notices"]
    assert notice["kind"] == "tools_left_out"
    assert "The MCP server broken is left out: it ended with exit code 3" in notice["message"]


def test_a_call_that_is_allowed_answers(served: Project, model: OfflineModelProcess) -> None:
    served.edit("      - atmos_list_*\n", "      - atmos_list_*\n      - good__echo\n")
    model.add_answers(call("good__echo", text="hallo from the server"), "Done.")
    done = served.run(*MODULE, "exec", "Say hallo.", "-f", "json")
    assert done.returncode == 0, done.stderr
    assert "hallo from the server" in results(model)[0]


def test_one_server_of_atmos_answers_all_calls_of_a_turn_until_a_file_changes(
    project: Project, model: OfflineModelProcess, tmp_path: Path
) -> None:
    starts, stand_in = tmp_path / "starts", tmp_path / "atmos"
    stand_in.write_text(f'#!/bin/sh\necho "$@" >> {starts}\nexec {DEMO}/bin/atmos "$@"\n')
    stand_in.chmod(0o755)
    project.environment["ATMOS_AI_ATMOS"] = str(stand_in)
    project.allow_everything()
    setting = call("atmos_config_get", path="ai.default_provider")
    edit = call("file_edit", path="stacks/catalog/vpc.yaml", old="enabled: true", new="enabled: false")
    read = call("file_read", path="stacks/catalog/vpc.yaml")
    model.add_answers(setting, setting, setting, read, edit, setting, "Done.")
    done = project.run(*MODULE, "exec", "Look three times, change a stack, look again.")
    assert done.returncode == 0, done.stderr
    assert sum(line.endswith("mcp start") for line in starts.read_text().splitlines()) == 2


def test_a_server_that_dies_in_a_call_is_told_as_unknown_and_nothing_is_sent_again(
    served: Project, model: OfflineModelProcess, tmp_path: Path
) -> None:
    served.allow_everything()
    model.add_answers(call("good__die"), call("readonly__die"), call("good__echo", text="still here"), "Done.")
    done = served.run(*MODULE, "exec", "Try.", "-f", "json")
    assert done.returncode == 0, done.stderr
    told = results(model)
    assert any("not known whether it did its work" in result for result in told)
    assert any("It was tried twice" in result for result in told)
    assert any("still here" in result for result in told)
    assert notes(tmp_path, "called") == ["die", "die", "die", "echo"]  # once, then once and again, then the last


def test_tools_are_listed_and_a_broken_server_is_told_about(served: Project, program: tuple[str, ...]) -> None:
    done = served.run(*program, "tools", "list")
    assert done.returncode == 0, done.stderr
    assert "good__echo" in done.stdout
    assert "The MCP server broken is left out: it ended with exit code 3" in done.stderr


def test_an_untrusted_project_starts_no_server(served: Project, tmp_path: Path) -> None:
    del served.environment["ATMOS_AI_TRUST_PROJECT"]
    assert served.run(*MODULE, "tools", "list").returncode == 5
    assert not (tmp_path / "log").exists()
