"""The two spellings of our settings: of Atmos today, which is used here, and of the original design."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, is_empty, laid_over

UNITED = ("blocked", "restricted")
"""Lists of ``ai.tools`` that only make things stricter: what all spellings and both places say counts together."""

_TOP = {"default_provider": "provider"}
_TOOLS = {"allowed_tools": "allowed", "restricted_tools": "restricted", "blocked_tools": "blocked"}


def canonical(section: str, node: Node) -> Node:
    """A section with its keys in today's spelling; where both are written, today's wins."""
    if section not in {"ai", "settings.ai"} or not isinstance(node, MapNode):
        return node
    renamed = _renamed(node, _TOP)
    tools = renamed.get("tools")
    if not isinstance(tools, MapNode):
        return renamed
    return _with_entries(renamed, {"tools": _renamed(tools, _TOOLS)})


def united(below: Node | None, above: Node | None) -> Node | None:
    """``settings.ai`` with ``ai`` laid over it, the strict lists of both united."""
    if not isinstance(below, MapNode) or not isinstance(above, MapNode):
        return above or below
    result = _with_rules(laid_over(below, above), below, above)
    tools_below, tools_above = below.get("tools"), above.get("tools")
    if not isinstance(tools_below, MapNode) or not isinstance(tools_above, MapNode):
        return result
    lists = {name: _joined(tools_below.get(name), tools_above.get(name)) for name in UNITED}
    tools = _with_entries(laid_over(tools_below, tools_above), {name: node for name, node in lists.items() if node})
    return _with_entries(result, {"tools": tools})


def _with_rules(result: MapNode, below: MapNode, above: MapNode) -> MapNode:
    """With the permission rules of both places."""
    sections = [node.get("permissions") for node in (below, above)]
    if not all(isinstance(section, MapNode) for section in sections):
        return result
    lists = [section.get("rules") for section in sections if isinstance(section, MapNode)]
    rules, permissions = _joined(*lists), result.get("permissions")
    if rules is None or not isinstance(permissions, MapNode):
        return result
    return _with_entries(result, {"permissions": _with_entries(permissions, {"rules": rules})})


def _with_entries(node: MapNode, entries: Mapping[str, Node]) -> MapNode:
    return replace(node, entries=MappingProxyType({**node.entries, **entries}))


def _renamed(node: MapNode, names: dict[str, str]) -> MapNode:
    entries: dict[str, Node] = {}
    for key, child in node.entries.items():
        name = names.get(key.lower(), key.lower())
        known = entries.get(name)
        if known is None:
            entries[name] = child
        elif name in UNITED:
            entries[name] = _joined(known, child) or child
        elif key.lower() == name:
            entries[name] = child
    return replace(node, entries=MappingProxyType(entries))


def _joined(first: Node | None, second: Node | None) -> Node | None:
    written = [node for node in (first, second) if node is not None and not is_empty(node)]
    lists = [node for node in written if isinstance(node, ListNode)]
    if len(lists) != len(written):
        # A value of another type is left to be reported where it is read.
        return next(node for node in written if not isinstance(node, ListNode))
    if not lists:
        return None
    return replace(lists[0], items=tuple(item for node in lists for item in node.items))
