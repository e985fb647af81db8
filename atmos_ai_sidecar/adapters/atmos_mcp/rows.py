"""What a row of the table says about one of Atmos' tools, because nothing in Atmos does."""

import json
from collections.abc import Sequence
from dataclasses import field
from enum import Enum
from typing import Any, cast

from atmos_ai_sidecar.adapters.atmos_mcp.descriptions import parameter_description
from atmos_ai_sidecar.domain.tools import DEFAULT_TIMEOUT_SECONDS, CommandClass, Effect, Parameter, ParameterType
from atmos_ai_sidecar.lazy_dataclasses import dataclass

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


def parameters(tool: str, text: str) -> Sequence[Parameter]:
    """Parameters from a short form, ``name:type!=default`` each: string where no type stands, required with ``!``."""
    return tuple(_parameter(tool, word) for word in text.split())


def _parameter(tool: str, text: str) -> Parameter:
    head, _, default = text.partition("=")
    name, _, kind = head.removesuffix("!").partition(":")
    return Parameter(
        name=name,
        type=cast("ParameterType", kind or "string"),
        description=parameter_description(tool, name),
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
        found = parameters(name, text)
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
