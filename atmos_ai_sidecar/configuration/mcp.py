"""The MCP servers of a project: `mcp.servers` as Atmos writes it, and what we add."""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from atmos_ai_sidecar.configuration.nodes import MapNode, Origin, Scalar
from atmos_ai_sidecar.configuration.reader import Reading, Section
from atmos_ai_sidecar.configuration.settings import McpServer
from atmos_ai_sidecar.errors import ConfigurationInvalidError

DEFAULT_TIMEOUT_SECONDS = 30.0
_KNOWN = (
    "command", "args", "env", "type", "url", "headers", "description", "auto_start", "timeout", "identity", "cwd",
    "read_only", "enabled",
)  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_KINDS = frozenset({"", "stdio", "http", "streamable-http"})


def mcp_servers(mcp: Section, reading: Reading) -> Iterator[McpServer]:
    """The servers that can be used; the others are warned about, because a server less stops no work."""
    for name, section in mcp.section("servers").sections().items():
        try:
            server = _server(name, section)
        except ConfigurationInvalidError as error:
            where = f"{reading.relative(error.file)}:{error.line}: " if error.file else ""
            problem = str(error).removeprefix(f"{error.file}:{error.line}: ")
            reading.warnings.append(f"{where}{problem} The MCP server {name} is left out.")
        else:
            if server is not None:
                yield server


def _server(name: str, section: Section) -> McpServer | None:
    section.hint(_KNOWN)
    if not section.boolean("enabled", default=True):
        return None
    command, url, kind = section.text("command"), section.text("url"), section.text("type").strip().lower()
    origin = section.node.origin if section.node else Origin(file="", line=0)
    if not _NAME.fullmatch(name) or "__" in name:
        raise _wrong(origin, f"{section.path}: a name has up to 40 letters, digits, - and _, and no __ in it.")
    if kind not in _KINDS:
        raise _wrong(origin, f"{section.path}.type: expected stdio or http, found {kind}.")
    if bool(command) == bool(url):
        raise _wrong(origin, f"{section.path} needs either `command` or `url`.")
    environment, headers = _texts(section.section("env")), _texts(section.section("headers"))
    return McpServer(
        name=name,
        command=(command, *section.texts("args")) if command else (),
        url=url,
        origin=origin,
        environment=environment,
        headers=headers,
        variables=tuple(sorted({*_variables(section), *_variables(section, "env"), *_variables(section, "headers")})),
        directory=section.text("cwd"),
        identity=section.text("identity"),
        timeout_seconds=section.seconds("timeout") or DEFAULT_TIMEOUT_SECONDS,
        is_read_only=section.boolean("read_only", default=False),
    )


def _texts(section: Section) -> Mapping[str, str]:
    return MappingProxyType({name: section.secret(name) for name in section.names()})


def _variables(section: Section, below: str = "") -> Iterator[str]:
    """The environment variables that values come from: what the server is given of the user's."""
    node = section.section(below).node if below else section.node
    for value in node.entries.values() if isinstance(node, MapNode) else ():
        if isinstance(value, Scalar) and value.variable:
            yield value.variable


def _wrong(origin: Origin, problem: str) -> ConfigurationInvalidError:
    return ConfigurationInvalidError(problem, file=origin.file, line=origin.line)
