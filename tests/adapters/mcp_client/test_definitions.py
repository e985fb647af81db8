"""What a server says about a tool, before and after it was made harmless."""

import json
import time
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.mcp_client.definitions import definition_of
from atmos_ai_sidecar.adapters.mcp_client.server import ServerSettings
from atmos_ai_sidecar.adapters.mcp_client.tools import accepted
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.tools import Effect, Execution, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError


def schema_of(schema: Any) -> Any:
    return definition_of("s", {"name": "t", "inputSchema": schema}).schema


def tool(schema: Any) -> Tool:
    async def execute(_values: object, _execution: Execution) -> Result:
        return Result(success=True)

    definition = definition_of("s", {"name": "t", "inputSchema": schema})
    return Tool(
        name="s__t",
        description="",
        parameters=definition.parameters,
        schema=definition.schema,
        effect=Effect.READ,
        execute=execute,
        requires_permission=True,
    )


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array"}, "no object"),
        ([], "no object"),
        (obj(a={"$ref": "https://example.com/x.json"}), "refers to https://example.com"),
        (obj(a={"$ref": 7}), "refers to 7"),
        (obj(a={"description": "x" * 60_000}), "more than 50,000 characters"),
        (obj(a={"items": [{}] * 6_000}), "too large"),
    ],
)
def test_a_schema_that_cannot_be_used_says_why(schema: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        schema_of(schema)


def test_a_schema_that_is_too_deep_is_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(60):
        deep = obj(a=deep)
    with pytest.raises(ValueError, match="too deep"):
        schema_of(deep)


def test_references_are_written_out_and_circles_are_anything() -> None:
    schema = {
        **obj(home={"$ref": "#/$defs/address", "description": "where"}, tree={"$ref": "#/$defs/node"}),
        "$defs": {
            "address": obj(street={"type": "string"}),
            "node": obj(child={"$ref": "#/$defs/node"}, root={"$ref": "#"}, none={"$ref": "#/nowhere/at/all"}),
        },
    }
    found = schema_of(schema)
    assert found["properties"]["home"] == {**obj(street={"type": "string"}), "description": "where"}
    assert found["properties"]["tree"] == obj(child={}, root={}, none={})
    assert "$ref" not in json.dumps(found)


def test_references_cannot_stand_for_endless_work() -> None:
    laughs: dict[str, Any] = {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 8} for n in range(20)}
    with pytest.raises(ValueError, match=r"too large|too deep"):
        schema_of({**obj(a={"$ref": "#/$defs/a0"}), "$defs": laughs})


def test_regular_expressions_of_others_are_not_run() -> None:
    found = tool(obj(a={"type": "string", "pattern": "^(a+)+$"}))
    start = time.process_time()
    validate_input(found, {"a": "a" * 60 + "!"})
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("schema", "values", "said"),
    [
        ({**obj(a=obj(b={})), "required": ["a"]}, {}, "required"),
        (obj(a={**obj(b={}), "additionalProperties": False}), {"a": {"a": 1}}, "too many"),
        (obj(a={**obj(b={}), "required": ["b"]}), {"a": {}}, "'b' is a required property"),
        (obj(a={"type": ["string", "null"]}), {"a": 7}, "7"),
        ({**obj(a={}), "additionalProperties": False}, {"b": 1}, "is not a field"),
    ],
)
def test_a_wrong_input_is_explained_whatever_the_schema_is_like(schema: Any, values: Any, said: str) -> None:
    with pytest.raises(InvalidFieldError, match=said):
        validate_input(tool(schema), values)


def test_what_model_providers_refuse_is_left_out_at_the_top_only() -> None:
    found = schema_of({**obj(a={"anyOf": [{"type": "string"}]}), "anyOf": [{"required": ["a"]}], "$schema": "x"})
    assert set(found) == {"type", "properties"}
    assert found["properties"]["a"] == {"anyOf": [{"type": "string"}]}


def test_names_become_what_a_model_can_call_and_two_of_one_name_are_one() -> None:
    raw = [{"name": name, "inputSchema": obj()} for name in ("a.b", "a_b", "ä" * 200, "")]
    found, problems = accepted(ServerSettings(name="s"), raw)
    assert [one.full_name for one in found] == ["s__" + "_" * 125, "s__a_b"]
    assert len(problems) == 2


def test_a_schema_that_is_none_leaves_its_tool_out() -> None:
    found, problems = accepted(
        ServerSettings(name="s"), [{"name": "a", "inputSchema": obj(b={"type": "no such type"})}, {"name": "c"}]
    )
    assert [one.name for one in found] == ["c"]
    assert "no JSON Schema" in problems[0]


@pytest.mark.parametrize("name", ["filter[id]", "two words", "x" * 65, "ключ", ""])
def test_field_for_which_the_model_would_refuse_every_request_leaves_its_tool_out(name: str) -> None:
    offered = [
        {"name": "bad", "inputSchema": obj(**{name: {}})},
        {"name": "good", "inputSchema": obj(**{"a.b-c_1": {}})},
    ]
    found, problems = accepted(ServerSettings(name="s"), offered)
    assert [one.name for one in found] == ["good"]
    assert "models take names of" in problems[0]
    assert schema_of(obj(a={"properties": {name: {}}}))["properties"]["a"] == {"properties": {name: {}}}


def test_the_hash_stands_for_all_that_is_said_but_for_what_is_said_anew_each_time() -> None:
    one = {"name": "t", "description": "d", "inputSchema": obj(a={}), "annotations": {"readOnlyHint": True}}
    same = definition_of("s", {**one, "_meta": {"time": 1}}).hash
    assert definition_of("s", one).hash == same
    changes: tuple[dict[str, Any], ...] = (
        {"description": "e"},
        {"inputSchema": obj(b={})},
        {"annotations": {}},
        {"outputSchema": obj()},
    )
    for change in changes:
        assert definition_of("s", {**one, **change}).hash != same
