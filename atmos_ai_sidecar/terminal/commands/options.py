"""Options as Atmos has them: lists, switches that may be spelled out, and variables that stand in for flags."""

import csv
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import click

from atmos_ai_sidecar.domain.ages import parsed_age
from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.terminal.commands.tree import Command

_Function = TypeVar("_Function", bound=Callable[..., Any])
_TURNED_OFF = f"{__name__}.turned_off"
"""Where a context keeps the names of switches that the line turns off, so that no variable turns them on."""


class Option(click.Option):
    """An option whose variable is looked up in the caller's environment, never in this process's."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        if not isinstance(self.envvar, str) or self.name in ctx.meta.get(_TURNED_OFF, ()):
            return None
        value: str = ctx.obj.environment.get(self.envvar, "")
        return value or None


class ListOption(Option):
    """An option that may be repeated and takes several values at once, with commas between them."""

    def __init__(self, names: Sequence[str], **more: Any) -> None:
        super().__init__(names, **{**more, "multiple": True, "callback": _united})

    def value_from_envvar(self, ctx: click.Context) -> Sequence[str] | None:
        value = self.resolve_envvar_value(ctx)
        return None if value is None else (value,)


def age(context: click.Context, parameter: click.Parameter, value: str) -> timedelta:
    """The value of an option that is an age, such as 30d."""
    try:
        return parsed_age(value)
    except InvalidFieldError as error:
        raise click.BadParameter(f"{error.problem}. {error.remedy}", context, parameter) from error


def listed(text: str) -> Sequence[str]:
    """The values of a list that is written as one text; quotes keep a comma in a value."""
    return tuple(value for row in csv.reader([text], skipinitialspace=True) for value in row if value)


def _united(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> Sequence[str]:
    return tuple(value for text in values for value in listed(text))


class SwitchCommand(Command):
    """A command that also takes ``--switch=true``, ``--switch=false`` and ``-x=VALUE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options = {name: option for option in self.params if isinstance(option, click.Option) for name in option.opts}
        end = args.index("--") if "--" in args else len(args)
        spelled = [word for argument in args[:end] for word in _spelled(argument, options, ctx)]
        return super().parse_args(ctx, [*spelled, *args[end:]])


def _spelled(argument: str, options: dict[str, click.Option], ctx: click.Context) -> list[str]:
    name, is_assigned, value = argument.partition("=")
    option = options.get(name)
    if not is_assigned or option is None:
        return [argument]
    if not option.is_flag:
        return [argument] if name.startswith("--") else [name, value]
    if click.BOOL.convert(value, option, ctx):
        return [name]
    ctx.meta.setdefault(_TURNED_OFF, set()).add(option.name)
    return option.secondary_opts[:1]


def switch(name: str, *, envvar: str, text: str) -> Callable[[_Function], _Function]:
    """A switch that is on unless it is turned off."""
    return click.option(f"--{name}/--no-{name}", cls=Option, envvar=envvar, default=True, help=text)


def format_option(*choices: str, text: str | None = None) -> Callable[[_Function], _Function]:
    """How a command prints what it found; the first choice is the default."""
    kind = click.Choice(choices)
    return click.option("-f", "--format", "output_format", type=kind, default=choices[0], show_default=True, help=text)
