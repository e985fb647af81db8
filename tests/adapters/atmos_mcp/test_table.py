"""The table against the tools that a real Atmos listed."""

import json
from pathlib import Path
from typing import Any

import pytest

import atmos_ai_sidecar.demo
from atmos_ai_sidecar.adapters.atmos_mcp.descriptions import BY_TOOL
from atmos_ai_sidecar.adapters.atmos_mcp.table import TABLE
from atmos_ai_sidecar.domain.tools import CommandClass, Effect

_RECORDINGS = Path(atmos_ai_sidecar.demo.__file__).parent / "recordings" / "mcp.json"
LISTED: dict[str, Any] = {
    tool["name"]: tool["inputSchema"]
    for tool in json.loads(_RECORDINGS.read_text("utf-8"))["tools/list"]["result"]["tools"]
}


def test_every_recorded_tool_has_a_row_and_every_row_a_tool() -> None:
    assert set(TABLE) == set(LISTED)
    assert len(TABLE) == 62


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_row_has_the_parameters_of_the_recorded_tool(name: str) -> None:
    schema = LISTED[name]
    wanted = {
        field: (described["type"], field in schema.get("required", ()), described.get("default") or None)
        for field, described in schema.get("properties", {}).items()
    }
    found = {one.name: (one.type, one.required, one.default or None) for one in TABLE[name].parameters}
    assert found == wanted


@pytest.mark.parametrize("name", sorted(TABLE))
def test_parameters_that_mean_something_are_parameters(name: str) -> None:
    row = TABLE[name]
    names = {parameter.name for parameter in row.parameters}
    meant = {row.stack, row.component, row.command, row.key, *row.queries, *(path.name for path in row.paths)} - {""}
    assert meant <= names


@pytest.mark.parametrize("name", sorted(TABLE))
def test_no_parameter_that_looks_like_a_path_a_command_or_a_stack_is_overlooked(name: str) -> None:
    row = TABLE[name]
    names = {parameter.name for parameter in row.parameters}
    paths = {path.name for path in row.paths}
    assert {"file", "file_path", "schema_path", "working_dir", "component_path"} & names <= paths
    assert ("stack" in names) == (row.stack == "stack")
    assert ("component" in names) == (row.component == "component")
    assert ("command" in names) == (row.command == "command")


def test_what_runs_the_functions_of_stack_files_is_execute_and_asks() -> None:
    for name in ("get_template_context", "atmos_describe_dependents", "atmos_validate_component", "atmos_secret_list"):
        row = TABLE[name]
        assert (row.effect, row.asks, row.command_class) == (Effect.EXECUTE, True, CommandClass.CODE_EXECUTION)


def test_what_changes_or_sends_something_asks() -> None:
    assert all(row.asks for row in TABLE.values() if row.effect is not Effect.READ)


def test_what_is_offered_is_described() -> None:
    assert all(row.description.endswith(".") for row in TABLE.values() if not row.hidden_by)


def test_every_parameter_that_is_offered_is_described() -> None:
    offered = [(row.name, parameter) for row in TABLE.values() if not row.hidden_by for parameter in row.parameters]
    assert [(name, parameter.name) for name, parameter in offered if not parameter.description.endswith(".")] == []
    assert set(BY_TOOL) <= {f"{name}.{parameter.name}" for name, parameter in offered}


def test_a_hidden_tool_has_its_place_taken_by_one_of_ours() -> None:
    from atmos_ai_sidecar.adapters.atmos.tools import atmos_tools

    nothing: Any = None  # only their names are wanted
    ours = {tool.name for tool in atmos_tools(nothing, nothing, nothing)}
    ours |= {"file_read", "file_list", "file_search", "file_write", "file_edit", "execute_bash_command"}
    hidden = {row.hidden_by for row in TABLE.values() if row.hidden_by}
    assert hidden <= ours
    assert not {row.name for row in TABLE.values() if not row.hidden_by} & ours
