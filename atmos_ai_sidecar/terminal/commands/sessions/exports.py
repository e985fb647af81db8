import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click

from atmos_ai_sidecar.application.archive import ExportFormat
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import InvalidFieldError, SessionNotFoundError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import Option, SwitchCommand, switch
from atmos_ai_sidecar.terminal.commands.sessions.changes import messages_text
from atmos_ai_sidecar.terminal.commands.sessions.listing import PAGE
from atmos_ai_sidecar.terminal.files import write_private
from atmos_ai_sidecar.terminal.render.palette import visible

_BY_EXTENSION = {
    ".json": ExportFormat.JSON,
    ".yaml": ExportFormat.YAML,
    ".yml": ExportFormat.YAML,
    ".md": ExportFormat.MARKDOWN,
    ".markdown": ExportFormat.MARKDOWN,
}
_EXTENSIONS = {ExportFormat.JSON: ".json", ExportFormat.YAML: ".yaml", ExportFormat.MARKDOWN: ".md"}


@click.command("export", cls=SwitchCommand)
@click.argument("name", default="")
@click.option(
    "-o",
    "--output",
    cls=Option,
    envvar="ATMOS_AI_SESSIONS_OUTPUT",
    default="",
    metavar="FILE",
    help="Write to this file and not to standard output.",
)
@click.option(
    "-f",
    "--format",
    "output_format",
    cls=Option,
    envvar="ATMOS_AI_SESSIONS_FORMAT",
    type=click.Choice([form.value for form in ExportFormat]),
    help="Without it the file's extension decides, else json.",
)
@click.option("--all", "directory", default="", metavar="DIR", help="Write every session into this folder.")
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@switch("context", envvar="ATMOS_AI_SESSIONS_CONTEXT", text="Export the session's facts too.")
@switch("metadata", envvar="ATMOS_AI_SESSIONS_METADATA", text="Export the session's metadata too.")
@click.pass_obj
async def export(
    command: CommandContext, /, name: str, output: str, output_format: str | None, directory: str, **switches: bool
) -> int:
    """Write a session to a file that can be imported.

    Atmos can import it too. Markdown is for people and cannot be imported.

    \b
    Examples:
      atmos-ai sessions export vpc-refactor -o vpc-refactor.yaml
      atmos-ai sessions export --all backup
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if bool(name) is bool(directory):
        raise click.UsageError("Give the NAME of one session, or --all DIR for all of them.")
    if directory and output:
        raise click.UsageError("--output is for one session; --all DIR names the files itself.")
    form = ExportFormat(output_format) if output_format else _BY_EXTENSION.get(Path(output).suffix.lower())
    async with command.open_workspace(needs_trust=False) as workspace:
        exports = _Exports(
            context=command,
            workspace=workspace,
            form=form or ExportFormat.JSON,
            overwrite=switches["overwrite"],
            with_context=switches["context"],
            with_metadata=switches["metadata"],
        )
        return await (exports.all_into(directory) if directory else exports.one(name, output))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exports:
    context: CommandContext
    workspace: Workspace
    form: ExportFormat
    overwrite: bool
    with_context: bool
    with_metadata: bool

    async def one(self, name: str, output: str) -> int:
        session = await self.workspace.sessions.get_by_name(name)
        if output:
            await self._write(session, self.context.path(output))
        else:
            text = await self._text(session)
            self.context.writer.write(visible(text) if self.context.console.stdout_is_terminal else text)
        return exit_codes.DONE

    async def all_into(self, directory: str) -> int:
        """Writes a file a session; one that cannot be written is told, and the others are written."""
        folder, code, is_empty = self.context.path(directory), exit_codes.DONE, True
        await asyncio.to_thread(_make, folder)
        async for session in self._sessions():
            is_empty = False
            if not session.message_count:
                self.context.writer.say(f"Left out the session {session.name!r}, which has no messages.")
                continue
            try:
                await self._write(session, folder / f"{session.name}{_EXTENSIONS[self.form]}")
            except SessionNotFoundError:  # somebody has deleted it meanwhile
                continue
            except InvalidFieldError as error:
                self.context.writer.error(error)
                code = exit_codes.ERROR
        if is_empty:
            self.context.writer.say("There are no sessions in this project; nothing was exported.")
        return code

    async def _write(self, session: Session, path: Path) -> None:
        async with self.context.waiting(f"exporting {session.name}"):
            text = await self._text(session)
            await asyncio.to_thread(write_private, path, text, overwrite=self.overwrite)
        self.context.writer.say(
            f"Exported the session {session.name!r} with {messages_text(session.message_count)} "
            f"to {visible(str(path))} as {self.form.value}."
        )

    async def _text(self, session: Session) -> str:
        return await self.workspace.archive.export(
            session.id, self.form, with_context=self.with_context, with_metadata=self.with_metadata
        )

    async def _sessions(self) -> AsyncIterator[Session]:
        cursor = ""
        while True:
            page = await self.workspace.sessions.list(limit=PAGE, cursor=cursor, include_archived=True)
            for session in page.sessions:
                yield session
            cursor = page.next_cursor
            if not cursor:
                return


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidFieldError(
            "--all", f"{visible(str(folder))} cannot be made: {error.strerror}.", remedy="Choose another folder."
        ) from error
