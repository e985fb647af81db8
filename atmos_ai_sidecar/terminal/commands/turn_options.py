"""The options of commands that run one turn: Atmos' own of `ai ask` and `ai exec`, with their variables, and ours."""

from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from atmos_ai_sidecar.domain.attachments import Selection
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.commands.options import ListOption, Option

_Function = TypeVar("_Function", bound=Callable[..., Any])
FORMATS = ("text", "json", "markdown", "stream-json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOptions:
    output_format: str = ""
    """One of ``FORMATS``; empty: the answer as it comes."""
    output: str = ""
    session: str = ""
    max_steps: int | None = None
    max_cost_usd: float | None = None
    no_tools: bool = False
    allow: Sequence[str] = ()
    output_schema: str = ""
    """The name of a file."""
    files: Selection = field(default_factory=Selection)

    @classmethod
    def of(
        cls,
        click_context: click.Context,
        *,
        include: Sequence[str],
        exclude: Sequence[str],
        stacks: bool,
        no_auto_context: bool,
        **values: Any,
    ) -> "TurnOptions":
        """The options as they were given; without auto context, what only variables ask for is not attached."""

        def counts(name: str) -> bool:
            return not (no_auto_context and click_context.get_parameter_source(name) is ParameterSource.ENVIRONMENT)

        files = Selection(
            include=include if counts("include") else (), exclude=exclude, stacks=stacks and counts("stacks")
        )
        return cls(files=files, **values)


_TURN: Sequence[Callable[..., Any]] = (
    click.option(
        "-s",
        "--session",
        cls=Option,
        envvar="ATMOS_AI_SESSION",
        default="",
        metavar="NAME",
        help="Go on with this session, or create it.",
    ),
    click.option("--max-steps", type=click.IntRange(1, 1000), default=None, help="Stop after so many requests."),
    click.option(
        "--max-cost-usd",
        type=click.FloatRange(min=0, min_open=True),
        default=None,
        metavar="USD",
        help="Stop when the model has cost so much.",
    ),
    click.option(
        "--no-tools",
        cls=Option,
        envvar="ATMOS_AI_NO_TOOLS",
        is_flag=True,
        help="The model answers without looking anything up.",
    ),
    click.option(
        "--allow",
        multiple=True,
        metavar="PATTERN",
        help="Let this run call tools of that name (atmos_terraform_plan, 'atmos_*') or run a command with one "
        "('execute_atmos_command(terraform plan *)').",
    ),
    click.option(
        "--output-schema",
        default="",
        metavar="FILE",
        help="The answer must be JSON that this JSON Schema describes.",
    ),
)
_FILES: Sequence[Callable[..., Any]] = (
    click.option(
        "--include",
        cls=ListOption,
        envvar="ATMOS_AI_INCLUDE",
        metavar="GLOB",
        help="Send these files of the project with the prompt.",
    ),
    click.option("--exclude", cls=ListOption, envvar="ATMOS_AI_EXCLUDE", metavar="GLOB", help="But not these files."),
    click.option(
        "--no-auto-context",
        cls=Option,
        envvar="ATMOS_AI_NO_AUTO_CONTEXT",
        is_flag=True,
        help="Send only files that this command line names, not those of ATMOS_AI_INCLUDE and ATMOS_AI_CONTEXT.",
    ),
)


def turn_options(*, for_scripts: bool) -> Callable[[_Function], _Function]:
    """Adds the options to a command; some variables of Atmos' are for its scripted command only."""

    def add(function: _Function) -> _Function:
        for option in reversed((*_answer_options(for_scripts=for_scripts), *_TURN, *_FILES)):
            function = option(function)
        return function

    return add


def _answer_options(*, for_scripts: bool) -> Sequence[Callable[..., Any]]:
    def variable(name: str) -> str | None:
        return name if for_scripts else None

    return (
        click.option(
            "-f",
            "--format",
            "output_format",
            cls=Option,
            envvar=variable("ATMOS_AI_FORMAT"),
            type=click.Choice(FORMATS),
            default="text" if for_scripts else None,
            show_default=for_scripts,
            help="How to print the answer.",
        ),
        click.option(
            "-o",
            "--output",
            cls=Option,
            envvar=variable("ATMOS_AI_OUTPUT"),
            default="",
            metavar="FILE",
            help="Write to this file and not to standard output.",
        ),
        click.option(
            "--context",
            "stacks",
            cls=Option,
            envvar=variable("ATMOS_AI_CONTEXT"),
            is_flag=True,
            help="Send the stack files with the prompt.",
        ),
    )
