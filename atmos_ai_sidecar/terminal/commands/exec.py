from typing import Any

import click

from atmos_ai_sidecar.terminal.commands.options import SwitchCommand
from atmos_ai_sidecar.terminal.commands.script import run_script
from atmos_ai_sidecar.terminal.commands.turn_options import TurnOptions, turn_options


@click.command("exec", cls=SwitchCommand)
@click.argument("prompt", nargs=-1)
@turn_options(for_scripts=True)
@click.pass_context
async def execute(click_context: click.Context, /, prompt: tuple[str, ...], **values: Any) -> int:
    """Run one prompt from a script; without PROMPT it is read from standard input.

    \b
    Exit codes: 0 done, 1 error, 2 usage, 3 needs approval, 4 budget or steps used up,
    5 denied by policy, 130 interrupted. With json, standard output is one object.

    \b
    Examples:
      atmos-ai exec "Validate the stacks." --format json
      atmos-ai exec -s nightly --max-steps 10 < prompt.txt
      atmos-ai exec "Plan vpc in ue1-dev." --allow atmos_terraform_plan
      atmos-ai exec "Which CIDRs overlap?" --include 'stacks/**' --output-schema cidrs.json
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    options = TurnOptions.of(click_context, **values)
    return await run_script(click_context.obj, options, " ".join(prompt), appends_input=False)
