import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Execution, Parameter, Result, Tool, ToolRegistry
from atmos_ai_sidecar.errors import ToolExistsError, ToolNotFoundError


async def execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


def tool(name: str = "t", *parameters: Parameter, source: str = "built in") -> Tool:
    return Tool(
        name=name,
        description="",
        parameters=parameters,
        effect=Effect.READ,
        execute=execute,
        requires_permission=False,
        source=source,
    )


def test_the_schema_names_types_enums_defaults_items_and_what_is_required() -> None:
    schema = tool(
        "t",
        Parameter(name="stack", type="string", description="Stack", required=True),
        Parameter(name="format", type="string", description="Format", enum=("yaml", "json"), default="yaml"),
        Parameter(name="names", type="array", description="Names"),
        Parameter(name="counts", type="array", description="Counts", items="integer"),
    ).input_schema
    assert schema == {
        "type": "object",
        "properties": {
            "stack": {"type": "string", "description": "Stack"},
            "format": {"type": "string", "description": "Format", "enum": ["yaml", "json"], "default": "yaml"},
            "names": {"type": "array", "description": "Names", "items": {"type": "string"}},
            "counts": {"type": "array", "description": "Counts", "items": {"type": "integer"}},
        },
        "additionalProperties": False,
        "required": ["stack"],
    }


def test_the_schema_of_a_tool_without_parameters_requires_nothing() -> None:
    assert tool().input_schema == {"type": "object", "properties": {}, "additionalProperties": False}


def test_a_call_demands_what_the_tool_says_unless_its_input_decides() -> None:
    plain = dataclasses.replace(tool(), effect=Effect.WRITE, requires_permission=True, timeout_seconds=7)
    assert plain.demand({}) == Demand(effect=Effect.WRITE, requires_permission=True, timeout_seconds=7)
    other = Demand(effect=Effect.EXECUTE, requires_permission=True, command_class=CommandClass.PLAN)
    assert dataclasses.replace(plain, demand_of=lambda values: other).demand({"a": 1}) is other


def test_the_registry_lists_its_tools_by_name() -> None:
    registry = ToolRegistry([tool("b"), tool("a")])
    assert [each.name for each in registry.list()] == ["a", "b"]
    assert registry.get("b").name == "b"


def test_a_name_that_is_taken_is_an_error_that_names_both_sources() -> None:
    registry = ToolRegistry([tool("a", source="atmos")])
    with pytest.raises(ToolExistsError, match="registered by atmos and again by plugin"):
        registry.register(tool("a", source="plugin"))
    assert registry.get("a").source == "atmos"


def test_a_tool_that_was_removed_is_gone_and_its_name_free() -> None:
    registry = ToolRegistry([tool("a")])
    registry.unregister("a")
    assert registry.list() == ()
    with pytest.raises(ToolNotFoundError):
        registry.unregister("a")
    registry.register(tool("a"))


def test_an_unknown_tool_is_an_error_that_names_the_nearest() -> None:
    registry = ToolRegistry([tool("atmos_list_stacks")])
    with pytest.raises(ToolNotFoundError, match="Did you mean 'atmos_list_stacks'"):
        registry.get("atmos_list_stack")
    with pytest.raises(ToolNotFoundError, match="List the tools"):
        registry.get("zzz")


def test_the_registry_is_safe_under_threads() -> None:
    registry = ToolRegistry()
    taken: list[str] = []

    def register() -> None:
        for number in range(200):
            try:
                registry.register(tool(f"t{number}"))
            except ToolExistsError as error:
                taken.append(str(error))

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(registry.list()) == 200
    assert len(taken) == 600


def test_a_schema_that_the_source_gives_is_the_schema_of_the_input() -> None:
    given = {"type": "object", "properties": {"a": {"enum": [1, 2]}}}
    found = dataclasses.replace(tool("t"), schema=given)
    assert found.input_schema == given
