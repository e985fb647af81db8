import asyncio

import click

from atmos_ai_sidecar.application.archive import ForeignImport
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.errors import SessionExistsError
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import Option, SwitchCommand, switch
from atmos_ai_sidecar.terminal.commands.sessions.changes import messages_text
from atmos_ai_sidecar.terminal.files import read_limited


@click.command("import", cls=SwitchCommand)
@click.argument("file", default="")
@click.option(
    "-n", "--name", cls=Option, envvar="ATMOS_AI_SESSIONS_NAME", default="", help="Call it so, not as the file says."
)
@click.option(
    "--overwrite",
    cls=Option,
    envvar="ATMOS_AI_SESSIONS_OVERWRITE",
    is_flag=True,
    help="Replace a session of the same name.",
)
@click.option("--from-atmos", is_flag=True, help="Import the sessions of Atmos' own assistant in this project.")
@switch("context", envvar="ATMOS_AI_SESSIONS_CONTEXT", text="Import the session's facts too.")
@click.pass_obj
async def import_session(
    command: CommandContext, /, file: str, name: str, *, overwrite: bool, from_atmos: bool, context: bool
) -> int:
    """Store the session that a file describes, or those of Atmos.

    The file may be one of `sessions export` or of Atmos. It is stored entirely or not at all.
    Atmos' own sessions are read and never changed; a second import of them finds only what is new.

    \b
    Examples:
      atmos-ai sessions import vpc-refactor.yaml --name vpc-copy
      atmos-ai sessions import --from-atmos
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if bool(file) is from_atmos:
        raise click.UsageError("Give the FILE of one session, or --from-atmos.")
    if from_atmos and (name or overwrite):
        raise click.UsageError("--name and --overwrite are for a FILE; --from-atmos keeps what is there.")
    if from_atmos:
        return await _import_from_atmos(command)
    return await _import_file(command, file, name, overwrite=overwrite, with_context=context)


async def _import_file(context: CommandContext, file: str, name: str, *, overwrite: bool, with_context: bool) -> int:
    content = await asyncio.to_thread(read_limited, context.path(file))
    async with context.open_workspace(needs_trust=False) as workspace:
        try:
            async with context.waiting(f"importing {file}"):
                imported = await workspace.archive.import_file(
                    content, name=name, overwrite=overwrite, with_context=with_context
                )
        except SessionExistsError as error:
            error.remedy = "Pass --name NAME to call it something else, or --overwrite to replace that session."
            raise
    session = imported.session
    context.writer.say(f"Imported the session {session.name!r} with {messages_text(session.message_count)}.")
    if imported.skipped_messages:
        context.writer.say(f"Left out {messages_text(imported.skipped_messages)} of the system.")
    return exit_codes.DONE


async def _import_from_atmos(context: CommandContext) -> int:
    progress = Progress()
    waiting = context.waiting("importing the sessions of Atmos", progress)
    async with context.open_workspace(needs_trust=False) as workspace, waiting:
        result = await workspace.archive.import_foreign(progress)
    for session in result.imported:
        context.writer.say(f"Imported the session {session.name!r} with {messages_text(session.message_count)}.")
    context.writer.say(_summary(result))
    return exit_codes.DONE


def _summary(result: ForeignImport) -> str:
    if not (result.imported or result.known or result.empty):
        return "Atmos has no sessions of this project; there is nothing to import."
    parts = [f"{len(result.imported)} imported"]
    parts += [f"{result.known} imported before"] if result.known else []
    parts += [f"{result.empty} without a message left out"] if result.empty else []
    return f"Sessions of Atmos: {', '.join(parts)}."
