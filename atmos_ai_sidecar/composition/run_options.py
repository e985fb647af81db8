"""What the flags of one run add to the configuration."""

import difflib
from dataclasses import replace

from atmos_ai_sidecar.application.workspace import RunOptions
from atmos_ai_sidecar.configuration import Config
from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.domain.rules import PermissionRule, RuleBook
from atmos_ai_sidecar.domain.tool_patterns import ToolPattern
from atmos_ai_sidecar.errors import OptionInvalidError


def with_allowances(settings: PermissionSettings, options: RunOptions) -> PermissionSettings:
    """The settings with what this run allows beside the project, see ``ToolPattern``."""
    patterns = [ToolPattern.parsed(text) for text in options.allow]
    return replace(
        settings,
        run_allowed=tuple(ListEntry(pattern=pattern.tool) for pattern in patterns if not pattern.command),
        run_rules=RuleBook(
            [
                PermissionRule(decision=DecisionKind.ALLOW, tools=(pattern.tool,), commands=(pattern.command,))
                for pattern in patterns
                if pattern.command
            ]
        ),
    )


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
