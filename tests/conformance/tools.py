"""The tools that the conformance suite calls, as far as a tool of ours can do what it wants to see."""

from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.domain.tools import Effect, Execute, Execution, OutputPiece, Result, Tool

_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}


async def _say(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True, output="This is a simple text response for testing.")


async def _fail(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=False, output="This tool intentionally returns an error for testing", error="It failed.")


async def _progress(_values: Mapping[str, Any], execution: Execution) -> Result:
    for step in ("one", "two", "three"):
        execution.emit(OutputPiece(stream="stdout", text=f"{step}\n"))
    return Result(success=True, output="Done.")


def _tool(name: str, execute: Execute, schema: Mapping[str, Any] | None = None) -> Tool:
    return Tool(
        name=name,
        description="For the suite.",
        parameters=(),
        schema=schema,
        effect=Effect.READ,
        requires_permission=False,
        execute=execute,
    )


TOOLS: Sequence[Tool] = (
    _tool("test_simple_text", _say),
    _tool("test_error_handling", _fail),
    _tool("test_tool_with_progress", _progress),
    _tool("json_schema_2020_12_tool", _say, _SCHEMA),
)
