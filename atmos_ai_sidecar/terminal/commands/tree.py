"""click without its hold on the process: it parses, we write.

Nothing here looks at this process's arguments, environment or streams, and nothing exits.
"""

import difflib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click


class HelpRequestedError(Exception):
    """Somebody asked for help; ``text`` is it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def _request_help(context: click.Context, _parameter: click.Parameter, value: object) -> None:
    if value and not context.resilient_parsing:
        raise HelpRequestedError(context.get_help())


def _help_option(names: Sequence[str]) -> click.Option:
    return click.Option(
        list(names), is_flag=True, is_eager=True, expose_value=False, callback=_request_help, help="Show this and stop."
    )


class Command(click.Command):
    """A command whose help is raised and not printed."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _help_option(self.get_help_option_names(ctx))


class Group(click.Group):
    """Commands under one name; an unknown one is answered with the nearest, none at all with help."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and not self.invoke_without_command and not ctx.resilient_parsing:
            raise HelpRequestedError(ctx.get_help())
        return super().parse_args(ctx, args)

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        return _help_option(self.get_help_option_names(ctx))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            nearest = difflib.get_close_matches(name, self.list_commands(ctx), n=1)
            meant = f"Did you mean {nearest[0]!r}?" if nearest else f"`{ctx.command_path} --help` lists the commands."
            raise click.UsageError(f"There is no command {name!r}. {meant}", ctx)
        return super().resolve_command(ctx, args)


_Function = TypeVar("_Function", bound=Callable[..., Any])


def refused(name: str, why: str) -> Callable[[_Function], _Function]:
    """An option of Atmos' that we know and do not take; using it says why."""

    def refuse(context: click.Context, parameter: click.Parameter, value: object) -> None:
        if value:
            raise click.UsageError(f"{parameter.opts[0]} is not supported here. {why}", context)

    return click.option(name, expose_value=False, callback=refuse, hidden=True)
