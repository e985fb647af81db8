import difflib
from dataclasses import dataclass
from pathlib import Path

import click

from atmos_ai_sidecar.errors import InvalidFieldError, NotFoundError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.commands.wrapper import install_wrapper, installed_wrapper, what_is_missing
from atmos_ai_sidecar.terminal.output_file import OutputFile
from atmos_ai_sidecar.terminal.render.palette import Palette, visible

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
    changes = planned_changes(Path(file))
    for change in changes:
        for line in change.lines(context.writer.out):
            context.writer.line(line)
    if changes and not (yes or await _agrees(context)):
        context.writer.say("Nothing was written.")
        return exit_codes.ERROR
    for change in changes:
        _write(change, umask=context.console.umask)
        context.writer.say(f"Wrote {change.path}.")
    context.writer.say("This project is set up." if changes else "This project is set up already; nothing to write.")
    context.writer.say("Type `atmos-ai chat`, or `atmos ai sidecar -- chat`.")
    return exit_codes.DONE


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


def planned_changes(atmos_yaml: Path) -> list[Change]:
    """What has to change beside and in an atmos.yaml; empty when all is there.

    Raises:
        InvalidFieldError: A file cannot be read.
    """
    command_file = atmos_yaml.parent / ".atmos.d" / "ai-sidecar.yaml"
    text = _read(atmos_yaml)
    separator = "" if text.endswith("\n") or not text else "\n"
    wanted = [
        Change(path=command_file, old=_read(command_file), new=CUSTOM_COMMAND),
        Change(path=atmos_yaml, old=text, new=text if has_ai_section(text) else text + separator + AI_SECTION),
    ]
    return [change for change in wanted if change.old != change.new]


def has_ai_section(text: str) -> bool:
    """Whether an atmos.yaml speaks of ``ai``, at the top or under ``settings``; when in doubt it does."""
    top = ""
    for line in text.splitlines():
        key = line.strip().partition(":")[0].strip("'\"")
        if line[:1].strip() and not line.startswith("#"):
            top = key
        if key == "ai" and (top in {"ai", "settings"}):
            return True
    return False


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFieldError(str(path), f"cannot be read: {error}") from error


def _write(change: Change, *, umask: int) -> None:
    try:
        if not change.path.parent.exists():
            change.path.parent.mkdir()
            change.path.parent.chmod(0o777 & ~umask)
    except OSError as error:
        raise InvalidFieldError(str(change.path.parent), f"cannot be created: {error.strerror}") from error
    OutputFile(path=change.path, umask=umask, option="file").write(change.new)
