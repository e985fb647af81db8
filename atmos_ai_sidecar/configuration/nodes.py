"""YAML as a tree in which every value knows where it was written."""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a value was written: an absolute path, and a line that counts from 1."""

    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    value: str | int | float | bool | None
    text: str
    """As it was written, without quotes."""
    origin: Origin
    tag: str = ""
    """A function of Atmos that is not evaluated, with its exclamation mark."""
    variable: str = ""
    """The environment variable that the value came from."""
    size: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ListNode:
    items: Sequence["Node"]
    origin: Origin
    tag: str = ""
    size: int = 1
    """How many values it holds, those behind aliases counted each time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MapNode:
    entries: Mapping[str, "Node"]
    origin: Origin
    tag: str = ""
    size: int = 1

    def get(self, name: str) -> "Node | None":
        """The value of a key. Like Atmos it does not distinguish upper and lower case."""
        return self.entries.get(name) or next(
            (node for key, node in self.entries.items() if key.lower() == name.lower()), None
        )

    def without(self, *names: str) -> "MapNode":
        """The same without these keys."""
        kept = {key: node for key, node in self.entries.items() if key.lower() not in names}
        return MapNode(entries=MappingProxyType(kept), origin=self.origin, tag=self.tag)


Node = Scalar | ListNode | MapNode


def empty_map(origin: Origin) -> MapNode:
    return MapNode(entries=MappingProxyType({}), origin=origin)


def laid_over(below: MapNode, above: MapNode) -> MapNode:
    """``above`` on ``below``: maps merge deep, everything else is replaced; an empty value replaces nothing."""
    names = {key.lower(): key for key in below.entries}
    entries = dict(below.entries)
    for key, node in above.entries.items():
        name = names.setdefault(key.lower(), key)
        under = entries.get(name)
        if under is not None and is_empty(node):
            continue
        entries[name] = laid_over(under, node) if isinstance(under, MapNode) and isinstance(node, MapNode) else node
    return MapNode(entries=MappingProxyType(entries), origin=above.origin)


def is_empty(node: Node) -> bool:
    """Whether a key is written with no value."""
    return isinstance(node, Scalar) and node.value is None and not node.tag and not node.variable


def described(node: Node) -> str:
    """What a value is, in words, without the value."""
    if isinstance(node, MapNode):
        return "a map"
    if isinstance(node, ListNode):
        return "a list"
    match node.value:
        case None:
            return "nothing"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
    return "text"


def walked(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every value below a node with its dotted path, in the order of the file."""
    yield path, node
    if isinstance(node, MapNode):
        for key, child in node.entries.items():
            yield from walked(child, f"{path}.{key}" if path else key)
    elif isinstance(node, ListNode):
        for index, child in enumerate(node.items):
            yield from walked(child, f"{path}[{index}]")
