from collections.abc import Sequence

import click

from atmos_ai_sidecar.terminal.chat.settings import ChatSettings, runs_on_screen
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.options import Option, SwitchCommand


@click.command("chat", cls=SwitchCommand)
@click.option(
    "-s",
    "--session",
    cls=Option,
    envvar="ATMOS_AI_SESSION",
    default="",
    metavar="NAME",
    help="Go on with this session, or create it.",
)
@click.option("--continue", "continues", is_flag=True, help="Go on with the session that changed last.")
@click.pass_obj
async def chat(context: CommandContext, session: str, *, continues: bool) -> int:
    """Chat about the Atmos project in this directory.

    Where standard input or output is no terminal, lines are read and answers printed.

    \b
    Examples:
      atmos-ai chat --session vpc-refactor
      atmos-ai chat --continue --read-only
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    return await start_chat(context, session=session, continues=continues, can_resume=True)


async def start_chat(
    context: CommandContext,
    *,
    session: str = "",
    continues: bool = False,
    notice: str = "",
    hints: Sequence[str] = (),
    can_resume: bool = False,
) -> int:
    """Runs a chat on the screen or line by line, as the console allows."""
    settings = ChatSettings(
        context=context,
        session=session,
        continues=continues,
        notice=notice,
        hints=hints,
        can_resume=can_resume,
    )
    # prompt_toolkit takes a fifth of a second; only a chat on a screen pays for it.
    if runs_on_screen(context.console, context.options):
        from atmos_ai_sidecar.terminal.chat.chat_ui import run_chat  # noqa: PLC0415

        return await run_chat(settings)
    from atmos_ai_sidecar.terminal.chat.line_mode import run_line_mode  # noqa: PLC0415

    return await run_line_mode(settings)
