"""What a row of the table says about one of Atmos' tools, because nothing in Atmos does."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, cast

from atmos_ai_sidecar.domain.tools import DEFAULT_TIMEOUT_SECONDS, CommandClass, Effect, Parameter, ParameterType

NETWORK_SECONDS = 120.0
EVALUATION_SECONDS = 300.0


class Base(Enum):
    """Where Atmos lets a relative path start."""

    DIRECTORY = "directory"
    BASE_PATH = "base path"
    TERRAFORM = "terraform components"


@dataclass(frozen=True, slots=True, kw_only=True)
class PathParameter:
    name: str
    base: Base = Base.DIRECTORY


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    description: str
    parameters: Sequence[Parameter]
    effect: Effect
    asks: bool
    command_class: CommandClass | None = None
    """What it comes to, where a call runs what a person or a file says."""
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    title: str = "{name}"
    stack: str = ""
    """Name of the parameter that names a stack; so for the next ones."""
    component: str = ""
    paths: Sequence[PathParameter] = ()
    command: str = ""
    key: str = ""
    """Of a setting that is written."""
    queries: Sequence[str] = ()
    """Expressions of yq, which can read files and the environment unless they are plain paths."""
    hidden_by: str = ""
    """The tool of ours that stands in its place; empty when it is offered."""


_DESCRIPTIONS = {
    "component": "Name of the component, for example vpc.",
    "stack": "Name of the stack, for example ue1-dev.",
    "file": "The file to work on; without it the one that Atmos would take.",
    "file_path": "Path of the file.",
    "path": "Dotted path of the setting, for example vars.region.",
    "value": "The new value.",
    "type": "Type of the value: string, int, float, bool or yaml.",
    "pattern": "Only paths that match; * and ? are wildcards.",
    "query": "A yq expression that selects part of the answer, for example .vars.",
    "include_abstract": "Abstract components too.",
    "finding_id": "Id of the security finding.",
    "framework": "Compliance framework, for example cis-aws.",
    "tags": "Only components with these tags.",
    "tool": "Name of the tool, as owner/name or its alias.",
    "version": "Version of the tool.",
    "track": "Name of the version track.",
    "schema_path": "Path of the schema; without it the one that the configuration names.",
    "command": "Words after `atmos`, for example terraform plan.",
    "address": "Address of the block or attribute, for example variable.region.default.",
}


def parameters(text: str) -> Sequence[Parameter]:
    """Parameters from a short form, ``name:type!=default`` each: string where no type stands, required with ``!``."""
    return tuple(map(_parameter, text.split()))


def _parameter(text: str) -> Parameter:
    head, _, default = text.partition("=")
    name, _, kind = head.removesuffix("!").partition(":")
    return Parameter(
        name=name,
        type=cast("ParameterType", kind or "string"),
        description=_DESCRIPTIONS.get(name, f"{name.replace('_', ' ').capitalize()}."),
        required=head.endswith("!"),
        default=_default(default, kind) if default else None,
    )


def _default(text: str, kind: str) -> Any:
    return json.loads(text) if kind else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What rows have in common."""

    effect: Effect
    asks: bool
    command_class: CommandClass | None = None
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    paths: Sequence[PathParameter] = field(default=())

    def row(self, name: str, text: str, description: str = "", **more: Any) -> Row:
        """A row of this kind; stack and component are found by their names."""
        found = parameters(text)
        names = {parameter.name for parameter in found}
        values: dict[str, Any] = {
            "effect": self.effect,
            "asks": self.asks,
            "command_class": self.command_class,
            "timeout_seconds": self.timeout_seconds,
            "stack": "stack" if "stack" in names else "",
            "component": "component" if "component" in names else "",
        }
        return Row(name=name, description=description, parameters=found, **{**values, **more})
