"""The sources of tools that are found while a workspace is in use, most trusted first."""

from collections.abc import Sequence

from atmos_ai_sidecar.application.ports.tool_source import ToolSource
from atmos_ai_sidecar.application.workspace import Run
from atmos_ai_sidecar.configuration import Config


def tool_sources(_run: Run, _config: Config) -> Sequence[ToolSource]:
    """Sources for one run of a trusted project. Building one starts and imports nothing yet."""
    return ()
