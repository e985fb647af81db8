"""What the flags of one run add to the configuration."""

import difflib
from collections.abc import Sequence

from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.permissions import ListEntry
from atmos_ai_sidecar.errors import OptionInvalidError


def run_allowed(options: RunOptions) -> Sequence[ListEntry]:
    """What this run allows beside the project."""
    return tuple(ListEntry(pattern=pattern) for pattern in options.allow)


def check_servers(options: RunOptions, config: Config) -> None:
    """Returns when the project has every MCP server that the run names.

    Raises:
        OptionInvalidError: It does not.
    """
    known = [server.name for server in config.mcp_servers]
    for name in options.mcp_servers:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            remedy = (
                f"Did you mean {near[0]!r}?"
                if near
                else f"There are: {', '.join(known)}."
                if known
                else "The project's `mcp.servers` has none."
            )
            raise OptionInvalidError("--mcp", f"there is no MCP server {name!r} in {config.file}.", remedy=remedy)
