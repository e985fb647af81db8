"""What a call is about, in the terms of rules."""

from collections.abc import Mapping, Sequence
from typing import Any

from atmos_ai_sidecar.domain.commands.assessment import SimpleCommand
from atmos_ai_sidecar.domain.commands.spellings import NOTHING, Said, Words, components_of, named, spellings, stacks_of
from atmos_ai_sidecar.domain.tools import CommandClass, Demand, Effect, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One simple command of a call; or the whole of a call that runs none."""

    command_class: CommandClass | None = None
    words: Words = ()
    """The command as it is written; empty when there is none."""
    spellings: Sequence[Words] = ()
    """The command in every way in which a rule may name it."""
    stacks: Said = NOTHING
    components: Said = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of a tool."""

    tool: str
    effect: Effect
    parts: Sequence[Part]
    """At least one."""
    paths: Sequence[str] = ()
    folders: Sequence[str] = ()
    """Those of the paths that stand for everything below them."""
    is_open: bool = False
    """It may run more commands than its parts tell."""


def call_of(tool: Tool, values: Mapping[str, Any], demand: Demand) -> Call:
    """A call as rules see it."""
    return Call(
        tool=tool.name,
        effect=demand.effect,
        parts=[part_of(command) for command in demand.commands] or [_whole(tool, values, demand)],
        paths=demand.paths or ((demand.target,) if demand.target else ()),
        folders=demand.folders,
        is_open=demand.is_open,
    )


def part_of(command: SimpleCommand) -> Part:
    """What a command is about."""
    forms = spellings(command)
    return Part(
        command_class=command.command_class,
        words=forms[0],
        spellings=forms,
        stacks=stacks_of(command),
        components=components_of(command),
    )


def _whole(tool: Tool, values: Mapping[str, Any], demand: Demand) -> Part:
    return Part(
        command_class=demand.command_class,
        stacks=named(values.get(tool.stack_parameter)) if tool.stack_parameter else NOTHING,
        components=named(values.get(tool.component_parameter)) if tool.component_parameter else NOTHING,
    )
