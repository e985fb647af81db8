from collections.abc import Awaitable

import click

from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command
from atmos_ai_sidecar.terminal.completion import SCRIPTS


@click.command("completion", cls=Command)
@click.argument("shell", type=click.Choice(sorted(SCRIPTS)))
@click.pass_obj
def completion(context: CommandContext, shell: str) -> Awaitable[int]:
    """Print a completion script for your shell. It is static: nothing is started when you press TAB.

    \b
    Examples:
      atmos-ai completion bash > ~/.local/share/bash-completion/completions/atmos-ai
      atmos-ai completion zsh > "${fpath[1]}/_atmos-ai"
      atmos-ai completion fish > ~/.config/fish/completions/atmos-ai.fish
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    tree = click.get_current_context().find_root().command
    return _print(context, SCRIPTS[shell](tree, "atmos-ai"))


async def _print(context: CommandContext, script: str) -> int:
    context.writer.write(script)
    return exit_codes.DONE
