"""A command line from its arguments to its exit code, on any console."""

import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import click
from click.exceptions import Exit

from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.errors import InstallationDamagedError, InvalidFieldError, SidecarError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.argv import CommandLine, normalised
from atmos_ai_sidecar.terminal.commands.ask import ask
from atmos_ai_sidecar.terminal.commands.chat import chat, start_chat
from atmos_ai_sidecar.terminal.commands.completion import completion
from atmos_ai_sidecar.terminal.commands.config import config
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.demo import demo
from atmos_ai_sidecar.terminal.commands.doctor import doctor
from atmos_ai_sidecar.terminal.commands.exec import execute
from atmos_ai_sidecar.terminal.commands.init import init
from atmos_ai_sidecar.terminal.commands.mcp import mcp
from atmos_ai_sidecar.terminal.commands.permissions import permissions
from atmos_ai_sidecar.terminal.commands.sessions import sessions
from atmos_ai_sidecar.terminal.commands.sidecar import sidecar
from atmos_ai_sidecar.terminal.commands.tools import tools
from atmos_ai_sidecar.terminal.commands.tree import Group, HelpRequestedError
from atmos_ai_sidecar.terminal.commands.version import version
from atmos_ai_sidecar.terminal.debugging import say_log, say_where
from atmos_ai_sidecar.terminal.line_reader import LineReader
from atmos_ai_sidecar.terminal.services import CommandServices
from atmos_ai_sidecar.terminal.writer import Writer

_LOG = logging.getLogger(__name__)
PROGRAM = "atmos-ai"


@click.group(cls=Group, invoke_without_command=True)
@click.pass_context
def root(click_context: click.Context) -> Awaitable[int] | None:
    """The AI assistant for Atmos projects. Without a command it starts the chat.

    \b
    Examples:
      atmos-ai chat --session vpc-refactor
      atmos-ai ask which stacks are there
      atmos-ai doctor

    \b
    Common flags, before or after the command:
      --model NAME        use this model
      --provider NAME     use this provider
      --mcp NAME,…        use only these MCP servers
      --read-only         nothing may change anything
      --yolo              nothing asks for permission
      --trust-project     trust this project's configuration for this run
      --plain             no cursor movement, for screen readers
      --no-color          no colours
      --debug             say more about errors, and where the log is
      --chdir, --base-path, --config, --config-path, --profile, --identity, …  as in Atmos
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if click_context.invoked_subcommand is not None:
        return None
    return start_chat(click_context.obj, can_resume=True)


_COMMANDS = (
    chat,
    ask,
    execute,
    sessions,
    tools,
    permissions,
    config,
    doctor,
    init,
    demo,
    completion,
    mcp,
    sidecar,
    version,
)
for _command in _COMMANDS:
    root.add_command(_command)


async def run_command(arguments: Sequence[str], console: Console, services: CommandServices) -> int:
    """Runs one command and returns its exit code.

    Everything is read from and written to the console; nothing of this process is touched. Errors that were raised
    on purpose are told on standard error. Cancelling it ends the command.

    Args:
        arguments: The command line without the program's name.
        console: Where the command runs.
        services: What the composition root gives the commands.
    """
    writer, options = Writer.of(console, RunOptions()), RunOptions()
    crash_listeners: list[Callable[[SidecarError], None]] = []
    try:
        line = normalised(arguments, console.environment)
        options = line.options
        writer = Writer.of(console, line.options, force_color=line.force_color)
        code = await _run(line, console, services, writer, crash_listeners)
    except HelpRequestedError as help_requested:
        writer.line(help_requested.text)
        code = exit_codes.DONE
    except click.ClickException as error:
        writer.say(_usage(error))
        code = exit_codes.USAGE
    except SidecarError as error:
        writer.error(error)
        _LOG.info("A command failed: %s", error.reason, exc_info=error if options.debug else None)
        if options.debug:
            say_where(writer, error)
        code = exit_codes.of_error(error)
    except Exception as error:  # noqa: BLE001 - the outermost frame of a command
        error_id = secrets.token_hex(4)
        _LOG.exception("A command failed unexpectedly (error %s).", error_id)
        damage = InstallationDamagedError.told_by(error)
        told = damage or SidecarError(f"Something went wrong inside the assistant (error {error_id}).")
        writer.error(told)
        if damage is None:
            writer.say("What was said is stored. Run it again with --debug, and report the id if it stays.")
        if options.debug:
            say_where(writer, error)
        for listener in crash_listeners:
            listener(told)
        code = exit_codes.ERROR
    if options.debug:
        say_log(writer, services.log_path())
    await console.drain()
    return code


def resume_command(token: str) -> Sequence[str]:
    """The arguments that resume a run from the token it offered.

    Raises:
        InvalidFieldError: The token is none of ours.
    """
    try:
        values = json.loads(token)
        name, flags = values["session"], values.get("flags", [])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InvalidFieldError("resume_token", "is not a token of this sidecar") from error
    if values.get("command") != "chat" or not isinstance(name, str) or not all(isinstance(f, str) for f in flags):
        raise InvalidFieldError("resume_token", "is not a token of this sidecar")
    return ("chat", f"--session={name}", *flags)


async def _run(
    line: CommandLine,
    console: Console,
    services: CommandServices,
    writer: Writer,
    crash_listeners: list[Callable[[SidecarError], None]],
) -> int:
    context = CommandContext(
        console=console,
        services=services,
        options=line.options,
        writer=writer,
        reader=LineReader(console),
        directory=console.working_directory,
        environment=console.environment,
        crash_listeners=crash_listeners,
    )
    try:
        command = _parse(line.arguments, context)
    except Exit as end:
        return end.exit_code
    code = await command
    _LOG.info("%s ended with %s", _name_of(line), code)
    return code


def _name_of(line: CommandLine) -> str:
    """The command, without arguments: they are the user's own words."""
    name = line.arguments[0] if line.arguments else ""
    return name if name in root.commands else "chat"


def _parse(arguments: Sequence[str], context: CommandContext) -> Awaitable[int]:
    settings: dict[str, Any] = {
        "obj": context,
        "help_option_names": ["-h", "--help"],
        "terminal_width": min(max(context.console.size.columns, 20), 100),
        "color": False,
    }
    with root.make_context(PROGRAM, list(arguments), **settings) as click_context:
        command: Awaitable[int] = root.invoke(click_context)
    return command


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"\nTry '{context.command_path} --help'." if context else ""
    return f"Error: {error.format_message()}{hint}"
