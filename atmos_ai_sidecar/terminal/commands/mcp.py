import click

from atmos_ai_sidecar.terminal.commands.context import CommandContext
from atmos_ai_sidecar.terminal.commands.tree import Command


@click.command("mcp", cls=Command)
@click.pass_obj
async def mcp(context: CommandContext) -> int:
    """Offer this project's tools to another agent, over MCP on standard input and output.

    \b
    For an agent's configuration:
      {"command": "atmos-ai", "args": ["mcp", "--chdir", "/path/to/project"]}

    \b
    Example:
      atmos-ai mcp --chdir /path/to/project
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if context.console.stdin_is_terminal:
        context.writer.say("This speaks MCP with a program, a JSON message a line. Ctrl-D ends it.")
    return await context.services.serve_mcp(context.console, context.run, context.options)
