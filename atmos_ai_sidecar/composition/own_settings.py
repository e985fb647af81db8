"""The settings of Atmos that decide what this assistant may do and which programs run: for people only to change."""

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Origin, Scalar, empty_map, is_empty
from atmos_ai_sidecar.configuration.yaml_file import parse

_FILE = "the change"
_TOP_LEVEL = frozenset({"ai", "mcp", "commands", "import", "profiles", "base_path"})
"""``import`` and ``profiles`` too, because what they bring in can set all the others; and ``base_path``, because it
says where tools may write."""

_DEPTH = 4
"""Keys that decide; what is further below belongs to them."""


@lru_cache(maxsize=16)
def own_settings(text: str) -> str:
    """Those settings in one form: texts that give the same form do not differ in them.

    Raises:
        ConfigurationInvalidError: The text is no YAML that can be understood.
    """
    root = parse(text, _FILE)
    if is_empty(root):
        root = empty_map(root.origin)
    return json.dumps(sorted(_own(root)) if isinstance(root, MapNode) else _form(root), sort_keys=True)


def is_own_setting(keys: Sequence[str]) -> bool:
    """Whether a path of keys leads to one of those settings, to something in one, or to what holds one."""
    origin = Origin(file=_FILE, line=1)
    node: Node = Scalar(value="changed", text="changed", origin=origin)
    for key in reversed(keys[:_DEPTH]):
        node = MapNode(entries={key: node}, origin=origin)
    return not isinstance(node, MapNode) or any(True for _ in _own(node))


def _own(root: MapNode) -> Iterator[tuple[str, str]]:
    """Every setting of ours with its path. Keys of any case count, and dotted ones, as Atmos reads both."""
    for path, node in _paths(root):
        first, *rest = path
        is_ai = path[:2] == ("settings", "ai") or path == ("settings",)
        is_command = first == "components" and (len(rest) < 2 or rest[1] == "command")  # noqa: PLR2004 - kind and key
        if first in _TOP_LEVEL or is_ai or is_command:
            yield ".".join(path), json.dumps(_form(node), sort_keys=True)


def _paths(root: MapNode) -> Iterator[tuple[tuple[str, ...], Node]]:
    """The values at the top; in ``settings`` and ``components`` those below, unless a function stands there."""
    for key, node in root.entries.items():
        path = tuple(key.lower().split("."))
        depth = {"settings": 2, "components": 3}.get(path[0], 1)
        yield from _below(path, node, depth)


def _below(path: tuple[str, ...], node: Node, depth: int) -> Iterator[tuple[tuple[str, ...], Node]]:
    if len(path) < depth and isinstance(node, MapNode) and not node.tag:
        for key, child in node.entries.items():
            yield from _below((*path, *key.lower().split(".")), child, depth)
    else:
        yield path, node


def _form(node: Node) -> Any:
    if isinstance(node, MapNode):
        return {"tag": node.tag, "map": {key.lower(): _form(value) for key, value in node.entries.items()}}
    if isinstance(node, ListNode):
        return {"tag": node.tag, "list": [_form(item) for item in node.items]}
    return {"tag": node.tag, "value": node.value, "text": node.text}
