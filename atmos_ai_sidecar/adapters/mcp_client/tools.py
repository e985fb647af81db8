"""The tools of one server as the registry takes them: asked about, pinned to how they were described."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from atmos_ai_sidecar.adapters.mcp_client.definitions import MOST_TOOLS, Definition, definition_of
from atmos_ai_sidecar.adapters.mcp_client.server import McpServer, ServerSettings
from atmos_ai_sidecar.domain.tools import Demand, Effect, Execution, Result, Tool


class Pins(Protocol):
    """How each tool was described when it was last seen or agreed to, across sessions."""

    def first_seen(self, server: str, hashes: Mapping[str, str]) -> Mapping[str, str]:
        """The pinned hashes of a server's tools by name; those that are new are pinned as they are.

        May block.

        Raises:
            StorageUnavailableError and its kin: They cannot be read or kept.
        """

    def pin(self, server: str, tool: str, description_hash: str) -> None:
        """Pins one tool as it is described now. May block; raises as ``first_seen``."""


def accepted(settings: ServerSettings, raw: Sequence[Mapping[str, Any]]) -> tuple[Sequence[Definition], Sequence[str]]:
    """The tools of a server that can be used, by name, and why others cannot. Checks schemas; slow, so in a thread."""
    from jsonschema import Draft202012Validator, SchemaError  # noqa: PLC0415 - 0.1 s, for projects with servers

    kept: dict[str, Definition] = {}
    problems: list[str] = []
    for one in raw[:MOST_TOOLS]:
        name = str(one.get("name"))[:100]
        try:
            definition = definition_of(settings.name, one)
            Draft202012Validator.check_schema(dict(definition.schema))
        except (ValueError, RecursionError, SchemaError) as error:
            reason = "its input schema is no JSON Schema" if isinstance(error, SchemaError) else str(error)
            problems.append(f"The tool {name!r} of the MCP server {settings.name} is left out: {reason}.")
            continue
        if definition.full_name in kept:
            problems.append(f"The MCP server {settings.name} has two tools {definition.full_name!r}; one is left out.")
            continue
        kept[definition.full_name] = definition
    if len(raw) > MOST_TOOLS:
        problems.append(f"The MCP server {settings.name} has more than {MOST_TOOLS} tools; the others are left out.")
    return tuple(kept[name] for name in sorted(kept)), problems


def tools_of(
    server: McpServer, definitions: Sequence[Definition], pinned: dict[str, str], pins: Pins
) -> Sequence[Tool]:
    """The tools, which ask for permission unless a rule says otherwise."""
    return tuple(_tool(server, definition, pinned, pins) for definition in definitions)


def _tool(server: McpServer, definition: Definition, pinned: dict[str, str], pins: Pins) -> Tool:
    settings = server.settings
    only_reads = settings.is_read_only and not definition.says_it_writes
    effect = Effect.READ if only_reads else Effect.EXECUTE

    def demand(_values: Mapping[str, Any]) -> Demand:
        has_changed = pinned.get(definition.name, definition.hash) != definition.hash
        return Demand(
            effect=effect,
            requires_permission=True,
            timeout_seconds=settings.timeout_seconds,
            must_ask=f"the MCP server {settings.name} describes it otherwise than before" if has_changed else "",
        )

    async def execute(values: Mapping[str, Any], execution: Execution) -> Result:
        if pinned.get(definition.name, definition.hash) != definition.hash:  # it was agreed to as it is now
            await asyncio.to_thread(pins.pin, settings.name, definition.name, definition.hash)
            pinned[definition.name] = definition.hash
        return await server.call(definition.name, values, execution, may_repeat=only_reads)

    return Tool(
        name=definition.full_name,
        description=definition.description or f"{definition.name} of the MCP server {settings.name}",
        parameters=definition.parameters,
        schema=definition.schema,
        effect=effect,
        requires_permission=True,
        restricted=definition.is_destructive,
        timeout_seconds=settings.timeout_seconds,
        source=f"MCP server {settings.name}",
        demand_of=demand,
        execute=execute,
    )
