"""The functions of Atmos that are evaluated here: ``!env`` and ``!include``. Others stay as tags on their value."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Scalar
from atmos_ai_sidecar.errors import ConfigurationInvalidError

MAX_INCLUDE_DEPTH = 10

ReadNode = Callable[[Path], Node]


def evaluated(node: Node, environment: Mapping[str, str], read: ReadNode, *, depth: int = 0) -> Node:
    """The same tree with ``!env`` and local ``!include`` replaced by what they stand for.

    Raises:
        ConfigurationInvalidError: A function is written wrongly, or includes go in a circle.
    """
    if isinstance(node, MapNode):
        entries = {key: evaluated(child, environment, read, depth=depth) for key, child in node.entries.items()}
        return replace(node, entries=MappingProxyType(entries))
    if isinstance(node, ListNode):
        return replace(node, items=tuple(evaluated(item, environment, read, depth=depth) for item in node.items))
    if node.tag == "!env":
        return _from_environment(node, environment)
    if node.tag == "!include" and (path := _local_file(node)):
        if depth >= MAX_INCLUDE_DEPTH:
            raise _error(node, f"`!include` goes deeper than {MAX_INCLUDE_DEPTH} files")
        return evaluated(read(path), environment, read, depth=depth + 1)
    return node


def _from_environment(node: Scalar, environment: Mapping[str, str]) -> Scalar:
    words = _words(node)
    if len(words) not in {1, 2}:
        raise _error(node, "`!env` takes a name and perhaps a default")
    name, default = words[0], words[1] if words[1:] else None
    return replace(node, value=environment.get(name, default), tag="", variable=name)


def _local_file(node: Scalar) -> Path | None:
    """The file to include; None for a remote one and for one that a query follows."""
    words = _words(node)
    is_remote = "://" in node.text or "::" in node.text
    if len(words) != 1 or is_remote or not words[0].endswith((".yaml", ".yml")):
        return None
    return Path(node.origin.file).parent / words[0]


def _words(node: Scalar) -> list[str]:
    try:
        return shlex.split(node.text)
    except ValueError as error:
        raise _error(node, f"`{node.tag} {node.text}` has an open quote") from error


def _error(node: Scalar, problem: str) -> ConfigurationInvalidError:
    return ConfigurationInvalidError(f"{problem}.", file=node.origin.file, line=node.origin.line)
