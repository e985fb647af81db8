"""Flags that may stand anywhere on the command line, taken out before the commands see it.

Common flags of ours, and Atmos' own global flags: what concerns Atmos is kept for every call of it, what concerns
only Atmos' output is accepted and has no effect. After ``--`` everything is an argument.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any

import click

from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.commands.options import listed

_OPTIONS = {"--model": "model", "--provider": "provider", "-p": "provider"}
_SWITCHES = {
    "--yolo": "yolo",
    "--read-only": "read_only",
    "--trust-project": "trust_project",
    "--debug": "debug",
    "--plain": "plain",
    "--no-color": "no_color",
    "--force-color": "force_color",
}
_FOR_ATMOS = {
    "-C": "--chdir",
    "--chdir": "--chdir",
    "--base-path": "--base-path",
    "--config": "--config",
    "--config-path": "--config-path",
    "--profile": "--profile",
    "--identity": "--identity",
    "--use-version": "--use-version",
}
_WITHOUT_EFFECT = {
    "--logs-level",
    "--logs-file",
    "--redirect-stderr",
    "--edition",
    "--profiler-host",
    "--profiler-port",
    "--profile-file",
    "--profile-type",
    "--heatmap-mode",
}
_VALUE_OPTIONAL = {"--pager"}
"""Without effect too; as in Atmos the next word is the value, if it is no flag."""
_SWITCHES_WITHOUT_EFFECT = {
    "--interactive",
    "--profiler-enabled",
    "--mask",
    "--heatmap",
    "--cast",
    "--ai",
    "--force-tty",
    "--verbose",
}
_REFUSED = {
    "--skill": "Skills belong to Atmos' own assistant. Put what the model should know into ATMOS.md.",
}
_TRUTH = {"": True, "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """A command with its own arguments, apart from what is common to all commands."""

    arguments: Sequence[str]
    options: RunOptions
    force_color: bool = False


@dataclass(slots=True)
class _Found:
    values: dict[str, Any] = field(default_factory=dict)
    atmos_flags: list[str] = field(default_factory=list)
    servers: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    wants_version: bool = False

    def want_version(self) -> None:
        self.wants_version = True


def normalised(arguments: Sequence[str], environment: Mapping[str, str]) -> CommandLine:
    """Sorts a command line; pure.

    Args:
        arguments: As typed, without the program's name.
        environment: ``NO_COLOR``, ``ATMOS_AI_PROVIDER`` and ``ATMOS_AI_MCP`` count where no flag says otherwise.

    Raises:
        click.UsageError: A value is missing or wrong, or a flag of Atmos is not supported here.
    """
    found = _Found()
    rest = list(arguments)
    while rest:
        argument = rest.pop(0)
        if argument == "--":
            found.arguments += [argument, *rest]
            break
        name, is_assigned, value = _apart(argument)
        _sort(found, argument, name, value if is_assigned else None, rest)
    values = {"provider": environment.get("ATMOS_AI_PROVIDER", ""), **found.values}
    values.setdefault("no_color", bool(environment.get("NO_COLOR")))
    force_color = values.pop("force_color", False)
    servers = found.servers or listed(environment.get("ATMOS_AI_MCP", ""))
    options = RunOptions(**values, mcp_servers=tuple(servers), atmos_flags=tuple(found.atmos_flags))
    arguments = ("version",) if found.wants_version else tuple(found.arguments)
    return CommandLine(arguments=arguments, options=options, force_color=force_color)


def _apart(argument: str) -> tuple[str, str, str]:
    """A flag's name, what shows that a value is joined to it, and the value: `--x=y`, and as in Atmos `-Cy`."""
    name, is_assigned, value = argument.partition("=")
    if name.startswith("-C") and len(name) > len("-C"):
        return "-C", "-C", argument.removeprefix("-C")
    return name, is_assigned, value


def _sort(found: _Found, argument: str, name: str, assigned: str | None, rest: list[str]) -> None:
    def value() -> str:
        return _value(name, assigned, rest)

    actions: list[tuple[bool, Callable[[], object]]] = [
        (name in _REFUSED, lambda: _refuse(name)),
        (name in _OPTIONS, lambda: found.values.update({_OPTIONS[name]: value()})),
        (name in _SWITCHES, lambda: found.values.update({_SWITCHES[name]: _truth(name, assigned)})),
        (name == "--mcp", lambda: found.servers.extend(listed(value()))),
        (name in _FOR_ATMOS, lambda: found.atmos_flags.append(f"{_FOR_ATMOS[name]}={value()}")),
        (name in _WITHOUT_EFFECT, value),
        (name in _VALUE_OPTIONAL, lambda: _word(assigned, rest)),
        (name in _SWITCHES_WITHOUT_EFFECT, lambda: None),
        (argument == "--version", found.want_version),
    ]
    for is_meant, act in actions:
        if is_meant:
            act()
            return
    found.arguments.append(argument)


def _value(name: str, assigned: str | None, rest: list[str]) -> str:
    assigned = _word(assigned, rest)
    if not assigned:
        if name == "--identity":
            raise click.UsageError("--identity needs a value here: nobody is asked. For example --identity=NAME.")
        raise click.UsageError(f"{name} needs a value, for example {name}=NAME.")
    return assigned


def _word(assigned: str | None, rest: list[str]) -> str | None:
    """The value of a flag: what is assigned to it, else the next word, unless that is a flag."""
    return rest.pop(0) if assigned is None and rest and not rest[0].startswith("-") else assigned


def _truth(name: str, assigned: str | None) -> bool:
    truth = _TRUTH.get((assigned or "").lower())
    if truth is None:
        raise click.UsageError(f"{name} is true or false, not {assigned!r}.")
    return truth


def _refuse(name: str) -> None:
    raise click.UsageError(f"{name} is not supported here. {_REFUSED[name]}")
