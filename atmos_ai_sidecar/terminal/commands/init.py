import difflib
from collections.abc import Sequence
from pathlib import Path

import click

from atmos_ai_sidecar.errors import ConfigurationInvalidError, InvalidFieldError, NotFoundError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.commands.wrapper import install_wrapper, installed_wrapper, what_is_missing
from atmos_ai_sidecar.terminal.output_file import OutputFile
from atmos_ai_sidecar.terminal.render.palette import Palette, visible
from atmos_ai_sidecar.terminal.services import SpeaksOfAi

CUSTOM_COMMAND = """\
# Adds `atmos ai sidecar`: what follows `--` goes to atmos-ai.
commands:
  - name: ai
    commands:
      - name: sidecar
        description: AI assistant (sidecar)
        steps:
          - {type: exec, command: "atmos-ai {{ .TrailingArgs }}"}
"""
AI_SECTION = """
ai:
  enabled: true
  default_provider: anthropic
  providers:
    anthropic:
      api_key: !env ANTHROPIC_API_KEY
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One file as it is and as it shall be."""

    path: Path
    old: str
    new: str

    def lines(self, palette: Palette) -> list[str]:
        """The difference, coloured."""
        before = str(self.path) if self.old else "(no file)"
        found = difflib.unified_diff(self.old.splitlines(), self.new.splitlines(), before, str(self.path), lineterm="")
        colors = {"+": palette.green, "-": palette.red, "@": palette.cyan}
        return [colors.get(line[:1], str)(visible(line)) for line in found]


@click.command("init", cls=Command)
@click.option("-y", "--yes", is_flag=True, help="Write without asking.")
@click.option("--wrapper", metavar="DIR", help="Instead, put a wrapper named atmos into DIR.")
@click.pass_obj
async def init(context: CommandContext, *, yes: bool, wrapper: str | None) -> int:
    """Set this project up: the command `atmos ai sidecar`, and an `ai:` section where there is none.

    Shows every change first and asks. Nothing else in your files is touched.

    With --wrapper no project is needed: in a folder that stands on PATH before the real atmos, it makes
    `atmos ai chat | ask | exec | sessions | …` start this assistant; all other commands stay Atmos' own.

    \b
    Examples:
      atmos-ai init
      atmos-ai init --wrapper ~/.local/atmos-ai/bin
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if wrapper is not None:
        return _install_wrapper(context, context.path(wrapper).absolute())
    file = context.services.find_project(context.run, context.options)
    if not file:
        raise NotFoundError(
            f"There is no atmos.yaml in {context.directory} or above.", remedy="Run this in an Atmos project."
        )
    plan = planned_changes(Path(file), context.services.speaks_of_ai)
    for note in plan.notes:
        context.writer.say(note)
    for change in plan.changes:
        for line in change.lines(context.writer.out):
            context.writer.line(line)
        if change.path.parent.exists():
            _output(change, umask=context.console.umask).check()
    if plan.changes and not (yes or await _agrees(context)):
        context.writer.say("Nothing was written.")
        return exit_codes.ERROR
    for change in plan.changes:
        _write(change, umask=context.console.umask)
        context.writer.say(f"Wrote {change.path}.")
    context.writer.say(
        "This project is set up." if plan.changes else "This project is set up already; nothing to write."
    )
    _say_what_to_type(context, has_command=plan.has_command)
    return exit_codes.DONE


def _say_what_to_type(context: CommandContext, *, has_command: bool) -> None:
    settings = {one.key: one for one in context.services.list_settings(context.run, context.options)}
    enabled = settings.get("ai.enabled")
    if enabled is None or enabled.value.lower() != "true":
        where = f"{enabled.file}:{enabled.line}: " if enabled else ""
        context.writer.say(f"{where}The assistant is switched off here. Set `ai.enabled: true` first.")
    context.writer.say("Type `atmos-ai chat`" + (", or `atmos ai sidecar -- chat`." if has_command else "."))


def _install_wrapper(context: CommandContext, directory: Path) -> int:
    link = install_wrapper(directory, installed_wrapper())
    context.writer.say(f"{link} leads to the wrapper. Remove it to be without.")
    missing = what_is_missing(link, context.environment)
    context.writer.say(missing or "Type `atmos ai chat`.")
    return exit_codes.DONE


async def _agrees(context: CommandContext) -> bool:
    if not context.is_interactive:
        context.writer.say("Nobody is here to ask: --yes writes these changes.")
        return False
    return await context.confirm("Write these changes?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What has to be written; ``changes`` is empty when all is there."""

    changes: Sequence[Change]
    notes: Sequence[str]
    """What is left as it is, and why."""
    has_command: bool
    """Whether ``atmos ai sidecar`` is there in the end."""


def planned_changes(atmos_yaml: Path, speaks_of_ai: SpeaksOfAi) -> Plan:
    """What has to change beside and in an atmos.yaml. A command file that somebody else wrote stays as it is.

    Raises:
        ConfigurationInvalidError: The atmos.yaml cannot be used.
        InvalidFieldError: A file cannot be read, or takes no section at its end.
    """
    command_file = atmos_yaml.parent / ".atmos.d" / "ai-sidecar.yaml"
    command, text = _read(command_file), _read(atmos_yaml)
    is_ours = not command.strip() or command.startswith(CUSTOM_COMMAND.partition("\n")[0])
    wanted = [
        Change(path=command_file, old=command, new=CUSTOM_COMMAND if is_ours else command),
        Change(path=atmos_yaml, old=text, new=_with_section(text, atmos_yaml, speaks_of_ai)),
    ]
    notes = () if is_ours else (f"{command_file} was written by somebody else, and stays as it is.",)
    return Plan(
        changes=tuple(change for change in wanted if change.old != change.new),
        notes=notes,
        has_command=is_ours or "atmos-ai" in command,
    )


def _with_section(text: str, file: Path, speaks_of_ai: SpeaksOfAi) -> str:
    if speaks_of_ai(text, str(file)):
        return text
    ending = "\r\n" if "\r\n" in text else "\n"
    separator = "" if text.endswith("\n") or not text else ending
    extended = text + separator + AI_SECTION.replace("\n", ending)
    try:
        is_understood = speaks_of_ai(extended, str(file))
    except ConfigurationInvalidError:
        is_understood = False
    if is_understood:
        return extended
    raise InvalidFieldError(str(file), "takes no section at its end", remedy=f"Write this into it:\n{AI_SECTION}")


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFieldError(str(path), f"cannot be read: {error}") from error


def _output(change: Change, *, umask: int) -> OutputFile:
    return OutputFile(path=change.path, umask=umask, option="init", remedy="Nothing was written to it.")


def _write(change: Change, *, umask: int) -> None:
    folder = change.path.parent
    try:
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o777 & ~umask)
    except OSError as error:
        raise InvalidFieldError(str(folder), f"cannot be created: {error.strerror}") from error
    _output(change, umask=umask).write(change.new)
