from atmos_ai_sidecar.terminal.commands.tools.left import running_tools, stop_tool
from atmos_ai_sidecar.terminal.commands.tools.listing import show_tool, tools
from atmos_ai_sidecar.terminal.commands.tools.running import run_tool

for _command in (show_tool, run_tool, running_tools, stop_tool):
    tools.add_command(_command)

__all__ = ["tools"]
