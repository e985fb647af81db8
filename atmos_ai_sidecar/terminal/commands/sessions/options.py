"""Options as Atmos has them: switches also take ``=true`` and ``=false``, and variables stand in for flags."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from atmos_ai_sidecar.terminal.commands.tree import Command

_Function = TypeVar("_Function", bound=Callable[..., Any])


class Option(click.Option):
    """An option whose variable is looked up in the caller's environment, never in this process's."""

    def resolve_envvar_value(self, ctx: click.Context) -> str | None:
        if not isinstance(self.envvar, str):
            return None
        value: str = ctx.obj.environment.get(self.envvar, "")
        return value or None


class SwitchCommand(Command):
    """A command whose switches may be written as ``--switch=true`` and ``--switch=false``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        switches = {
            name: option
            for option in self.params
            if isinstance(option, click.Option) and option.is_flag
            for name in option.opts
        }
        end = args.index("--") if "--" in args else len(args)
        spelled = [word for argument in args[:end] for word in _spelled(argument, switches, ctx)]
        return super().parse_args(ctx, [*spelled, *args[end:]])


def _spelled(argument: str, switches: dict[str, click.Option], ctx: click.Context) -> list[str]:
    name, is_assigned, value = argument.partition("=")
    if not is_assigned or name not in switches:
        return [argument]
    option = switches[name]
    return [name] if click.BOOL.convert(value, option, ctx) else option.secondary_opts[:1]


def always_on(name: str, why: str) -> Callable[[_Function], _Function]:
    """A switch of Atmos' that we cannot turn off; trying it says why."""

    def check(context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if not value:
            raise click.UsageError(f"--{name}=false is not supported here. {why}", context)

    return click.option(
        f"--{name}/--no-{name}",
        cls=Option,
        envvar=f"ATMOS_AI_SESSIONS_{name.upper()}",
        default=True,
        expose_value=False,
        hidden=True,
        callback=check,
    )
