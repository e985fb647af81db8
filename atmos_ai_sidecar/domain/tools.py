"""Tools: what the model can ask for, and the registry that knows them all."""

import difflib
import threading
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from atmos_ai_sidecar.errors import ToolExistsError, ToolNotFoundError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from atmos_ai_sidecar.domain.commands.assessment import SimpleCommand

DEFAULT_TIMEOUT_SECONDS = 30.0


class Effect(StrEnum):
    """What a tool does to the world, from harmless to not."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    NETWORK = "network"


ParameterType = Literal["string", "integer", "number", "boolean", "array", "object"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    name: str
    type: ParameterType
    description: str
    required: bool = False
    default: Any = None
    enum: Sequence[Any] = ()
    items: ParameterType | None = None
    """Type of the items when ``type`` is array."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a tool came to. A tool that fails is a result and not an exception."""

    success: bool
    output: str = ""
    """For the model and people."""
    data: Any = None
    """The same as JSON, where the tool has a structure."""
    error: str = ""
    """One sentence, empty on success."""
    reason: str = ""
    """A reason of the error tree, empty on success."""
    exit_code: int | None = None
    duration_seconds: float = 0.0
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputPiece:
    """Something that a running tool printed."""

    stream: Literal["stdout", "stderr"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What a tool may know about the call that runs it."""

    tool_call_id: str
    session_id: str
    emit: Callable[[OutputPiece], None]
    """Shows a piece of output while the tool runs; never blocks."""
    turn_id: str = ""
    target: str = ""
    """The file that the decision was about, see ``Demand.target``; the tool touches no other."""
    timeout_seconds: float | None = None
    """When the call is cancelled, from its start; None: it is awaited."""


Execute = Callable[[Mapping[str, Any], Execution], Awaitable[Result]]


class ExecutionClass(StrEnum):
    """How a running call is stopped; see the stop ladder in docs/architecture.md."""

    READ = "read"
    PLAN = "plan"
    MUTATE = "mutate"


class CommandClass(StrEnum):
    """What a command line would do, from harmless to not known."""

    READ = "read"
    PLAN = "plan"
    MUTATE = "mutate"
    DESTROY = "destroy"
    STATE = "state"
    SECRET_READ = "secret-read"  # noqa: S105 - the name of a class
    CODE_EXECUTION = "code-execution"
    UNKNOWN = "unknown"

    @property
    def needs_exact_consent(self) -> bool:
        """Whether no list pattern and no grant for the bare tool name can allow it."""
        return self not in {CommandClass.READ, CommandClass.PLAN}

    @property
    def can_remember(self) -> bool:
        """Whether "always" may be offered for it."""
        return self not in {CommandClass.DESTROY, CommandClass.STATE, CommandClass.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one call would do, as far as its input tells."""

    effect: Effect
    requires_permission: bool
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS
    """None: awaited without a limit, whatever the settings say."""
    command_class: CommandClass | None = None
    """None when the call runs no command of the model's choosing."""
    forbidden: str = ""
    """Why no setting can allow the call; empty when one may."""
    must_ask: str = ""
    """Why a person has to be asked each time, whatever lists and modes say; empty when they decide."""
    can_remember: bool = True
    """Whether "always" may be offered, as far as the input tells."""
    target: str = ""
    """The file that the call is about, links followed: relative to the project where it is in there."""
    prefix: Sequence[str] = ()
    """The first words of the one command that the call runs, as a grant may name them; empty when it may not."""
    commands: "Sequence[SimpleCommand]" = ()
    """Every command that the call would run, as far as it tells; empty when it runs none of the model's choosing."""
    is_open: bool = False
    """It may run more than ``commands``."""
    paths: Sequence[str] = ()
    """Every file that the call may be about, in the form of ``target``; empty when ``target`` says it all."""
    folders: Sequence[str] = ()
    """Those of them that are folders and stand for everything in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a call would change, worked out before anybody is asked."""

    text: str
    """For people: the lines of a diff."""
    binding: str
    """Stands for everything that the text was made from; an approval holds only while it stays the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Something that the model can ask for."""

    name: str
    description: str
    parameters: Sequence[Parameter]
    effect: Effect
    execute: Execute
    requires_permission: bool
    restricted: bool = False
    """Asks every time; "always" is not offered."""
    timeout_seconds: float | None = DEFAULT_TIMEOUT_SECONDS
    """None: awaited without a limit."""
    source: str = "built in"
    stack_parameter: str = ""
    """Name of the parameter that names a stack; empty when there is none."""
    component_parameter: str = ""
    command_parameter: str = ""
    """Name of the parameter that ``Demand.prefix`` is about."""
    path_parameters: Sequence[str] = ()
    """Parameters that name files; ``Demand.target`` is what the first one leads to."""
    schema: Mapping[str, Any] | None = None
    """The JSON Schema of the input, where its source gives one; else it is made of the parameters."""
    title: str = "{name}"
    """One line for people; ``{parameter}`` is replaced by the call's input, ``[…]`` left out when its input is."""
    demand_of: Callable[[Mapping[str, Any]], Demand] | None = None
    """Tells what a call would do, where that depends on the input, or on where a path leads.

    Total, also for an invalid input; quick, and changes nothing.
    """
    preview: Callable[[Mapping[str, Any], str], Preview] | None = None
    """What a call with this input would change in a session of that id. May block; changes nothing.

    Raises the error that the call would end with, so that nobody is asked about what cannot succeed.
    """

    def demand(self, values: Mapping[str, Any]) -> Demand:
        """What a call with this input would do."""
        if self.demand_of is not None:
            return self.demand_of(values)
        return Demand(
            effect=self.effect, requires_permission=self.requires_permission, timeout_seconds=self.timeout_seconds
        )

    @property
    def input_schema(self) -> dict[str, Any]:
        """The JSON Schema (2020-12) of the input; made of parameters, it allows no unknown fields."""
        if self.schema is not None:
            return dict(self.schema)
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {parameter.name: _property(parameter) for parameter in self.parameters},
            "additionalProperties": False,
        }
        required = [parameter.name for parameter in self.parameters if parameter.required]
        return {**schema, "required": required} if required else schema


def _property(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": parameter.type, "description": parameter.description}
    if parameter.enum:
        schema["enum"] = list(parameter.enum)
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.type == "array":
        schema["items"] = {"type": parameter.items or "string"}
    return schema


class ToolRegistry:
    """The tools of a workspace by name. Safe under threads and tasks."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._lock = threading.Lock()
        self._tools: dict[str, Tool] = {}
        for tool in tools:
            self.register(tool)

    def register(self, tool: Tool) -> None:
        """Adds a tool.

        Raises:
            ToolExistsError: The name is taken; the error names both sources.
        """
        with self._lock:
            known = self._tools.get(tool.name)
            if known is not None:
                raise ToolExistsError(tool.name, known.source, tool.source)
            self._tools[tool.name] = tool

    def unregister(self, name: str) -> None:
        """Removes a tool.

        Raises:
            ToolNotFoundError: There is none of that name.
        """
        with self._lock:
            if self._tools.pop(name, None) is None:
                raise ToolNotFoundError(name)

    def get(self, name: str) -> Tool:
        """The tool of that name.

        Raises:
            ToolNotFoundError: There is none; the error names the nearest.
        """
        with self._lock:
            tool = self._tools.get(name)
            if tool is None:
                nearest = difflib.get_close_matches(name, self._tools, n=1)
                raise ToolNotFoundError(name, nearest[0] if nearest else "")
            return tool

    def list(self) -> Sequence[Tool]:
        """All tools, sorted by name, so that the model's prompt prefix is stable."""
        with self._lock:
            return tuple(self._tools[name] for name in sorted(self._tools))
