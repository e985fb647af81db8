"""Answers that have to be JSON of a given form."""

import json
import re
from typing import TYPE_CHECKING, Any, NoReturn

from atmos_ai_sidecar.errors import OptionInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_SCHEMA_BYTES = 256 * 1024
_SHOWN_PROBLEMS = 5
_SHOWN_CHARACTERS = 500
_FENCED = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n(.*?)^ {0,3}\1[`~]*[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """An answer that is what the schema asks for."""

    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """An answer that is not."""

    problem: str
    """What is wrong with it, for the model and for people."""


class OutputSchema:
    """A JSON Schema for answers. What it refers to must be in it: nothing is fetched."""

    def __init__(self, text: str) -> None:
        """Reads a schema; slow, because a library is loaded, so callers on an event loop use a thread.

        Raises:
            OptionInvalidError: The text is no JSON, or no schema that can be used.
        """
        try:
            self._schema = _loaded(text)
        except ValueError as error:
            raise OptionInvalidError("output schema", f"is no JSON ({error})") from error
        self._text = json.dumps(self._schema, ensure_ascii=False, indent=2)
        self._validator = _validator(self._schema)

    @property
    def instruction(self) -> str:
        """What the model is told."""
        return (
            "Answer with one JSON value and nothing else: no words before or after it. It must be valid under this "
            f"JSON Schema:\n\n```json\n{self._text}\n```"
        )

    def check(self, answer: str) -> Parsed | Rejected:
        """The value of an answer: the whole text, or the one fenced block that is in it."""
        try:
            value = _loaded(_json_text(answer))
        except ValueError as error:
            return Rejected(problem=f"The answer is no JSON: {error}.")
        try:
            problems = [_problem(error) for error in self._validator.iter_errors(value)]
        except RecursionError:
            return Rejected(problem="The answer is nested too deep to be checked.")
        if not problems:
            return Parsed(value=value)
        more = f"\n- and {len(problems) - _SHOWN_PROBLEMS} more" if len(problems) > _SHOWN_PROBLEMS else ""
        listed = "\n".join(f"- {problem}" for problem in problems[:_SHOWN_PROBLEMS])
        return Rejected(problem=f"The answer is not valid under the schema:\n{listed}{more}")

    def repair(self, rejected: Rejected) -> str:
        """What the model is asked after an answer that was rejected."""
        return f"{rejected.problem}\n\nGive the whole answer again, corrected, as one JSON value and nothing else."


def _json_text(answer: str) -> str:
    blocks = [match[2] for match in _FENCED.finditer(answer)]
    return blocks[0] if len(blocks) == 1 and not _is_json(answer) else answer


def _is_json(text: str) -> bool:
    try:
        _loaded(text)
    except ValueError:
        return False
    return True


def _loaded(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It has none; NaN and Infinity are no JSON.
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _validator(schema: Any) -> "Validator":
    """The validator of the schema's own draft, else of 2020-12.

    Raises:
        OptionInvalidError: The schema breaks the rules of its draft, or refers to something outside it.
    """
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - 0.2 s, and few commands need it
    from jsonschema.validators import validator_for  # noqa: PLC0415 - as above
    from referencing import Registry  # noqa: PLC0415 - as above
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - as above

    if not isinstance(schema, dict | bool):
        raise OptionInvalidError("output schema", "must be a JSON object")
    kind: Any = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
        _require_resolvable(schema, kind)
    except SchemaError as error:
        raise OptionInvalidError("output schema", f"is no valid JSON Schema: {_problem(error)}") from error
    except Unresolvable as error:
        raise OptionInvalidError(
            "output schema",
            f"refers to {_cut(str(error.ref))}, which is not in it",
            remedy="Nothing is fetched; put it in.",
        ) from error
    except RecursionError as error:
        raise OptionInvalidError("output schema", "is nested too deep") from error
    validator: Validator = kind(schema, registry=Registry())
    return validator


def _require_resolvable(schema: Any, kind: Any) -> None:
    from referencing import Registry, Resource  # noqa: PLC0415 - as above
    from referencing.jsonschema import specification_with  # noqa: PLC0415 - as above

    resource = Resource.from_contents(schema, default_specification=specification_with(kind.META_SCHEMA["$schema"]))
    resolver = Registry().with_resource(resource.id() or "", resource).resolver_with_root(resource)
    waiting = [(resource, resolver)]
    while waiting:
        at, known = waiting.pop()
        inner = known.in_subresource(at)
        if isinstance(at.contents, dict):
            for name in ("$ref", "$dynamicRef"):
                if isinstance(ref := at.contents.get(name), str):
                    inner.lookup(ref)
        waiting += [(each, inner) for each in at.subresources()]


def _problem(error: Any) -> str:
    return f"{_cut(error.json_path)}: {_cut(error.message)}"


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
