"""The sources of tools that are found while a workspace is in use, most trusted first."""

from collections.abc import Sequence

from atmos_ai_sidecar.adapters.tool_plugins import PluginTools
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.tool_source import ToolSource
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.mcp_sources import mcp_sources
from atmos_ai_sidecar.configuration import Config


def tool_sources(run: Run, options: RunOptions, config: Config, clock: Clock) -> Sequence[ToolSource]:
    """Sources for one run of a trusted project. Building one starts and imports nothing yet."""
    return (PluginTools(), *mcp_sources(run, options, config, clock))
