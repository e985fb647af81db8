"""This process's own terminal, as the ``Console`` of a command."""

from atmos_ai_sidecar.adapters.console.controlling_terminal import ControllingTerminal
from atmos_ai_sidecar.adapters.console.local_console import (
    LocalConsole,
    local_console,
    reserve_standard_streams,
    run_on_local_console,
)

__all__ = ["ControllingTerminal", "LocalConsole", "local_console", "reserve_standard_streams", "run_on_local_console"]
