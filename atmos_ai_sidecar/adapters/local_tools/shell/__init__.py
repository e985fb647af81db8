"""Command lines through bash."""

from atmos_ai_sidecar.adapters.local_tools.shell.bash import Bash
from atmos_ai_sidecar.adapters.local_tools.shell.tool import shell_tool

__all__ = ["Bash", "shell_tool"]
