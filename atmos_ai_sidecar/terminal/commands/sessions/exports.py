import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import click

from atmos_ai_sidecar.application.archive import ExportFormat
from atmos_ai_sidecar.application.progress import Progress
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
            async with self.context.waiting(f"exporting {session.name}"):
                await self._write(session, self.context.path(output))
            self._say_written(session, self.context.path(output))
        else:
            text = await self._text(session)
            self.context.writer.write(visible(text) if self.context.console.stdout_is_terminal else text)
        return exit_codes.DONE

    async def all_into(self, directory: str) -> int:
        """Writes a file a session; one that cannot be written is told, and the others are written."""
        folder, code, progress = self.context.path(directory), exit_codes.DONE, Progress()
        await asyncio.to_thread(_make, folder)
        async with self.context.waiting("exporting", progress) as waiting:
            sessions = [session async for session in self._sessions()]
            progress.begin(len(sessions), "sessions")
            for session in sessions:
                path = folder / f"{session.name}{_EXTENSIONS[self.form]}"
                is_written, error = await self._tried(session, path)
                progress.step()
                with waiting.aside():
                    if is_written:
                        self._say_written(session, path)
                    elif error is not None:
                        self.context.writer.error(error)
                        code = exit_codes.ERROR
                    elif not session.message_count:
                        self.context.writer.say(f"Left out the session {session.name!r}, which has no messages.")
        if not sessions:
            self.context.writer.say("There are no sessions in this project; nothing was exported.")
        return code

    async def _tried(self, session: Session, path: Path) -> tuple[bool, InvalidFieldError | None]:
        """Whether the file was written; why not, where that is an error."""
        if not session.message_count:
            return False, None
        try:
            await self._write(session, path)
        except SessionNotFoundError:  # somebody has deleted it meanwhile
            return False, None
        except InvalidFieldError as error:
            return False, error
        return True, None

    async def _write(self, session: Session, path: Path) -> None:
        text = await self._text(session)
        await asyncio.to_thread(write_private, path, text, overwrite=self.overwrite)

    def _say_written(self, session: Session, path: Path) -> None:
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
