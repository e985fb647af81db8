"""What a project sets that a person should know before anything of it runs."""

import re
from collections.abc import Iterator, Mapping, Sequence

from atmos_ai_sidecar.configuration.nodes import Origin, Scalar
from atmos_ai_sidecar.configuration.reader import Reading, Section
from atmos_ai_sidecar.configuration.settings import McpServer
from atmos_ai_sidecar.domain.decisions import DecisionKind
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.trust import Claim

_PASSWORD = re.compile(r"://[^/@]*@")

Found = tuple[str, str, Origin]

_DESTINATIONS = ("base_url", "project_id")
_PRICES = ("input", "output", "cache_read", "cache_write")
_AS_WRITTEN = (
    ("", "provider", ()),
    ("tools", "yolo_mode", (False,)),
    ("tools", "mode", ("prompt", "deny")),
    ("tools", "require_confirmation", (True,)),
    ("tools.shell", "enabled", (False,)),
    ("sessions", "path", (".atmos/sessions",)),
    ("instructions", "file", ("ATMOS.md",)),
    ("permissions", "audit_retention_days", ()),
)
"""Section, setting, and the values that need no word."""


def claims_of(
    ai: Section,
    permissions: PermissionSettings,
    servers: Sequence[McpServer],
    running_functions: Mapping[str, Origin],
    reading: Reading,
) -> Sequence[Claim]:
    """Every setting that sends data somewhere, loosens a permission or starts a program; never a secret."""
    found = (
        *_as_written(ai),
        *_of_providers(ai),
        *_of_prices(ai),
        *((f"mcp.servers.{server.name}", _target(server), server.origin) for server in servers),
        *((tag, "runs programs when Atmos reads it", origin) for tag, origin in running_functions.items()),
    )
    claims = [
        Claim(setting=setting, value=value, file=reading.relative(origin.file), line=origin.line)
        for setting, value, origin in found
    ]
    return (*claims, *_of_allowed(permissions), *_of_rules(permissions))


def _as_written(ai: Section) -> Iterator[Found]:
    for path, name, harmless in _AS_WRITTEN:
        section = ai
        for part in path.split(".") if path else ():
            section = section.section(part)
        node = section.scalar(name)
        if node is not None and node.value not in (None, *harmless):
            yield f"{section.path}.{name}", _shown(node), node.origin
    url = ai.section("sessions").scalar("url")
    if url is not None:
        yield "ai.sessions.url", "sessions are stored on a server", url.origin


def _of_providers(ai: Section) -> Iterator[Found]:
    for section in (ai, *ai.section("providers").sections().values()):
        for name in _DESTINATIONS:
            node = section.scalar(name)
            if node is not None and node.value is not None:
                yield f"{section.path}.{name}", _shown(node), node.origin


def _of_prices(ai: Section) -> Iterator[Found]:
    """A price can make a limit of costs mean nothing."""
    for section in ai.section("prices").sections().values():
        if section.node is not None:
            shown = [f"{name} {node.text}" for name in _PRICES if (node := section.scalar(name)) is not None]
            yield section.path, ", ".join(shown), section.node.origin


def _of_allowed(permissions: PermissionSettings) -> Iterator[Claim]:
    lists = (("ai.tools.allowed", permissions.allowed), ("allowed in Atmos before", permissions.atmos_allowed))
    for setting, entries in lists:
        if entries:
            patterns = ", ".join(entry.pattern for entry in entries)
            yield Claim(setting=setting, value=patterns, file=entries[0].file, line=entries[0].line)


def _of_rules(permissions: PermissionSettings) -> Iterator[Claim]:
    for rule in permissions.rules.rules:
        if rule.decision is DecisionKind.ALLOW and not rule.is_managed:
            setting, _, value = rule.shown.text.partition(": ")
            yield Claim(setting=setting, value=value, file=rule.file, line=rule.line)


def _shown(node: Scalar) -> str:
    value = str(node.value) if node.variable else node.text
    return _PASSWORD.sub("://", value)


def _target(server: McpServer) -> str:
    target = _PASSWORD.sub("://", server.url) or f"runs {' '.join(server.command)}"
    if server.identity:
        target += f", as the identity {server.identity}"
    return f"{target}, given {', '.join(server.variables)}" if server.variables else target
