"""Answers that have to be JSON; schemas that cannot be used."""

import json
from typing import Any

import pytest

from atmos_ai_sidecar.application.output_schema import OutputSchema, Parsed, Rejected
from atmos_ai_sidecar.errors import OptionInvalidError

STACKS = {
    "type": "object",
    "required": ["stacks"],
    "properties": {"stacks": {"type": "array", "items": {"type": "string"}}},
    "additionalProperties": False,
}
VALUE = {"stacks": ["ue1-prod"]}


def schema(values: Any = None) -> OutputSchema:
    return OutputSchema(json.dumps(STACKS if values is None else values))


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(VALUE),
        f"\n  {json.dumps(VALUE, indent=2)}\n",
        f"```json\n{json.dumps(VALUE)}\n```",
        f"Here they are:\n\n~~~\n{json.dumps(VALUE)}\n~~~\n\nThat is all.",
        f"```json\n{json.dumps(VALUE)}\n```  ",
    ],
)
def test_value_is_the_whole_answer_or_its_one_fenced_block(answer: str) -> None:
    assert schema().check(answer) == Parsed(value=VALUE)


def test_fences_within_a_json_string_are_text() -> None:
    text = json.dumps("```\n{}\n```")
    assert schema({"type": "string"}).check(text) == Parsed(value="```\n{}\n```")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("", "is no JSON"),
        ("There are three stacks.", "is no JSON"),
        ("```\n{}\n```\nor\n```\n[]\n```", "is no JSON"),
        ('{"stacks": [NaN]}', "NaN is no JSON value"),
        ("[" * 100_000, "nested too deep"),
        ('{"stacks": [1, 2]}', "$.stacks[0]: 1 is not of type 'string'"),
        ("{}", "$: 'stacks' is a required property"),
        (json.dumps({"stacks": list(range(9))}), "and 4 more"),
    ],
)
def test_answer_that_does_not_fit_is_rejected_with_what_is_wrong(answer: str, problem: str) -> None:
    rejected = schema().check(answer)
    assert isinstance(rejected, Rejected)
    assert problem in rejected.problem
    assert problem in schema().repair(rejected)


def test_long_value_is_cut_in_the_problem() -> None:
    rejected = schema().check(json.dumps({"stacks": "x" * 100_000}))
    assert isinstance(rejected, Rejected)
    assert len(rejected.problem) < 1000


def test_model_is_told_the_schema() -> None:
    assert '"required": [\n    "stacks"\n  ]' in schema().instruction


@pytest.mark.parametrize(
    "values",
    [
        True,
        {},
        {"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"a": {}}, "$ref": "#/definitions/a"},
        {"$id": "https://example.com/s", "$defs": {"a": {"$id": "a"}}, "$ref": "a"},
        {"$ref": "#/$defs/tree", "$defs": {"tree": {"items": {"$ref": "#/$defs/tree"}}}},
    ],
)
def test_schema_may_refer_to_itself(values: Any) -> None:
    assert schema(values).check("[[[]]]") == Parsed(value=[[[]]])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "nested too deep"),
        ("[]", "must be a JSON object"),
        ('{"type": "nope"}', r"\$.type: 'nope'"),
        ('{"pattern": "("}', "is not a 'regex'"),
        ('{"$ref": "#/$defs/missing"}', "/missing, which is not in it"),
        ('{"$ref": "http://127.0.0.1:1/schema.json"}', "Nothing is fetched"),
        ('{"properties": {"a": {"items": {"$ref": "other.json"}}}}', "other.json, which is not in it"),
    ],
)
def test_schema_that_cannot_be_used_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(OptionInvalidError, match=problem):
        OutputSchema(text)
