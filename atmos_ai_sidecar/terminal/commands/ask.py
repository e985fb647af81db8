from typing import Any

import click

from atmos_ai_sidecar.terminal.commands.options import SwitchCommand
from atmos_ai_sidecar.terminal.commands.script import run_script
from atmos_ai_sidecar.terminal.commands.turn_options import TurnOptions, turn_options


@click.command("ask", cls=SwitchCommand)
@click.argument("question", nargs=-1)
@turn_options(for_scripts=False)
@click.pass_context
async def ask(click_context: click.Context, /, question: tuple[str, ...], **values: Any) -> int:
    """Ask one question; the answer goes to standard output.

    What is piped in is added to the question.

    \b
    Examples:
      atmos-ai ask which stacks are there
      terraform show -no-color plan | atmos-ai ask "Is this plan safe?"
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    options = TurnOptions.of(click_context, **values)
    return await run_script(click_context.obj, options, " ".join(question), appends_input=True, may_forget=True)
