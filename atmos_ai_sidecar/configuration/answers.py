"""Values that only Atmos can evaluate, put where their functions stand."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Origin, Scalar
from atmos_ai_sidecar.configuration.spelling import canonical
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unevaluated:
    """A value that was needed and stands as a function of Atmos in the files."""

    setting: str
    tag: str
    origin: Origin

    def error(self, *, was_asked: bool = False) -> ConfigurationInvalidError:
        """The error for a value that stays unknown."""
        asked = ", and `atmos describe config` has no value for it" if was_asked else ""
        return ConfigurationInvalidError(
            f"{self.setting}: the function {self.tag} is not evaluated here{asked}.",
            file=self.origin.file,
            line=self.origin.line,
            remedy="Write the value itself, or `!env NAME`."
            + ("" if was_asked else " Atmos is asked for it where the project is trusted and the command needs trust."),
        )


def with_answers(root: MapNode, answers: Mapping[str, Any]) -> MapNode:
    """The same tree with each function replaced by what Atmos says stands there, if it says anything."""
    said = {name: canonical(name, _node(value, root.origin)) for name, value in answers.items()}
    return _merged(root, MapNode(entries=MappingProxyType(said), origin=root.origin))


def _merged(node: MapNode, said: MapNode) -> MapNode:
    entries = {key: _answered(child, said.get(key)) for key, child in node.entries.items()}
    return replace(node, entries=MappingProxyType(entries))


def _answered(node: Node, said: Node | None) -> Node:
    if said is None:
        return node
    if node.tag:
        return _placed(said, node.origin)
    if isinstance(node, MapNode) and isinstance(said, MapNode):
        return _merged(node, said)
    if isinstance(node, ListNode) and isinstance(said, ListNode) and len(node.items) == len(said.items):
        items = (_answered(item, answer) for item, answer in zip(node.items, said.items, strict=True))
        return replace(node, items=tuple(items))
    return node


def _placed(node: Node, origin: Origin) -> Node:
    if isinstance(node, MapNode):
        entries = {key: _placed(child, origin) for key, child in node.entries.items()}
        return replace(node, entries=MappingProxyType(entries), origin=origin)
    if isinstance(node, ListNode):
        return replace(node, items=tuple(_placed(item, origin) for item in node.items), origin=origin)
    return replace(node, origin=origin)


def _node(value: Any, origin: Origin) -> Node:
    if isinstance(value, dict):
        entries = {str(key): _node(item, origin) for key, item in value.items()}
        return MapNode(entries=MappingProxyType(entries), origin=origin)
    if isinstance(value, list):
        return ListNode(items=tuple(_node(item, origin) for item in value), origin=origin)
    return Scalar(value=value, text="" if value is None else str(value), origin=origin)
