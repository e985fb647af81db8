from collections.abc import Mapping
from typing import Any

import pytest

from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.domain.tools import Effect, Execution, Parameter, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError


async def execute(_values: Mapping[str, Any], _execution: Execution) -> Result:
    return Result(success=True)


def tool(*parameters: Parameter) -> Tool:
    return Tool(
        name="t",
        description="",
        parameters=parameters,
        effect=Effect.READ,
        execute=execute,
        requires_permission=False,
    )


EVERY = tool(
    Parameter(name="stack", type="string", description="", required=True),
    Parameter(name="format", type="string", description="", enum=("yaml", "json"), default="yaml"),
    Parameter(name="count", type="integer", description=""),
    Parameter(name="ratio", type="number", description=""),
    Parameter(name="deep", type="boolean", description=""),
    Parameter(name="names", type="array", description=""),
    Parameter(name="more", type="object", description=""),
)


def test_a_valid_input_passes() -> None:
    validate_input(EVERY, {"stack": "s"})
    validate_input(
        EVERY,
        {"stack": "s", "format": "json", "count": 1, "ratio": 0.5, "deep": True, "names": ["a"], "more": {"a": 1}},
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "stack: is required and missing."),
        ({"stack": 3}, "stack: must be a string, but is 3."),
        ({"stack": None}, "stack: must be a string, but is None."),
        ({"stack": "s", "count": "1"}, "count: must be an integer, but is '1'."),
        ({"stack": "s", "deep": "yes"}, "deep: must be a boolean, but is 'yes'."),
        ({"stack": "s", "more": []}, "more: must be an object, but is []."),
        ({"stack": "s", "names": "a"}, "names: must be an array, but is 'a'."),
        ({"stack": "s", "names": ["a", 2]}, "names[1]: must be a string, but is 2."),
        ({"stack": "s", "format": "xml"}, "format: must be one of yaml, json, but is 'xml'."),
        ({"stak": "s"}, "stak: is not a field of this tool. Did you mean 'stack'?"),
        (
            {"stack": "s", "zzz": 1},
            "zzz: is not a field of this tool. Its fields are: stack, format, count, ratio, deep, names, more.",
        ),
        ({"stack": "s", "count": "x" * 100}, f"count: must be an integer, but is '{'x' * 59}…."),
    ],
)
def test_an_invalid_input_names_the_field_and_what_was_expected(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        validate_input(EVERY, values)
    assert caught.value.message == message


def test_a_tool_without_parameters_takes_no_field() -> None:
    with pytest.raises(InvalidFieldError, match="It has none"):
        validate_input(tool(), {"a": 1})


def test_a_rule_of_the_schema_that_has_no_words_of_ours_is_told_in_the_librarys() -> None:
    class Strict(Tool):
        @property
        def input_schema(self) -> dict[str, Any]:
            return {"type": "object", "properties": {"count": {"maximum": 3}}}

    strict = Strict(
        name="t", description="", parameters=(), effect=Effect.READ, execute=execute, requires_permission=False
    )
    with pytest.raises(InvalidFieldError, match="count: is not valid: 5 is greater than the maximum of 3"):
        validate_input(strict, {"count": 5})
