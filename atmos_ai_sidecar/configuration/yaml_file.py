"""Reads one YAML file into nodes, within limits, so that a hostile file costs little and names its line.

ruamel.yaml splits the text into events; the tree is built here, because the lines must stay with the values and
aliases must not multiply (a file of 300 bytes can stand for billions of values).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Origin, Scalar, empty_map
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_FILE_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_VALUES = 100_000

_CORE = "tag:yaml.org,2002:"
_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"true|True|TRUE")
_FALSE = re.compile(r"false|False|FALSE")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_UNUSABLE = re.compile("[\\0\\ud800-\\udfff]")
_DIGITS = 18
"""Longer ones are no number that a setting means; Python would take quadratic time for very long ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class YamlFile:
    """A file as it was read."""

    path: Path
    root: MapNode
    sha256: str


def read_yaml_file(path: Path) -> YamlFile:
    """Reads a file whose top level is a map; an empty file is an empty map.

    Raises:
        ConfigurationInvalidError: It cannot be read, is too large or too deep, is no YAML or no map; the error names
            the line.
    """
    content = read_bytes(path)
    root = parse_map(decoded(content, path), str(path))
    return YamlFile(path=path, root=root, sha256=hashlib.sha256(content).hexdigest())


def parse_map(text: str, file: str) -> MapNode:
    """The map that is the first document of a text; an empty text is an empty map.

    Raises:
        ConfigurationInvalidError: It is no YAML, too large or too deep, or no map; the error names the line.
    """
    root = parse(text, file)
    if isinstance(root, Scalar) and root.value is None and not root.tag:
        root = empty_map(root.origin)
    if not isinstance(root, MapNode):
        raise ConfigurationInvalidError(
            "The top level must be a map such as `ai: {enabled: true}`.", file=file, line=root.origin.line
        )
    return root


def parse(text: str, file: str) -> Node:
    """The first document of a YAML text.

    Raises:
        ConfigurationInvalidError: It is no YAML, too large or too deep; the error names the line.
    """
    try:
        return _Builder(file=file, events=YAML(typ="safe", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        raise _syntax_error(error, file) from error
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"The character U+{error.character:04X} is not allowed in YAML."
        raise ConfigurationInvalidError(problem, file=file, line=line) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file of at most 1 MiB.

    Raises:
        ConfigurationInvalidError: It cannot be read or is larger.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationInvalidError(f"The file cannot be read: {reason}.", file=str(path)) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationInvalidError(
            "The file is larger than 1 MiB.", file=str(path), remedy="Move what is not configuration out of it."
        )
    return content


def decoded(content: bytes, path: Path) -> str:
    """The text of a file.

    Raises:
        ConfigurationInvalidError: It is not UTF-8; the error names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationInvalidError("The file is not UTF-8 text.", file=str(path), line=line) from error


def _syntax_error(error: MarkedYAMLError, file: str) -> ConfigurationInvalidError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = (error.problem or "the text is no YAML").rstrip(".")
    while_doing = f" {error.context}" if error.context else ""
    if error.context and error.context_mark:
        while_doing += f" that starts in line {error.context_mark.line + 1}"
    return ConfigurationInvalidError(f"column {column}: {problem}{while_doing}.", file=file, line=line)


@dataclass(slots=True, kw_only=True)
class _Builder:
    file: str
    events: Iterator[Any]
    anchors: dict[str, Node] = field(default_factory=dict)
    values: int = 0

    def document(self) -> Node:
        for event in self.events:
            if isinstance(event, ScalarEvent | SequenceStartEvent | MappingStartEvent | AliasEvent):
                return self.node(event, 0)
            if isinstance(event, DocumentEndEvent):
                break
        return Scalar(value=None, text="", origin=Origin(file=self.file, line=1))

    def node(self, event: Any, depth: int, key: Any = None) -> Node:
        """The value that an event starts; a value of a map stands in the line of its key."""
        origin = self.origin(key or event)
        if depth > MAX_DEPTH:
            raise self.error(f"More than {MAX_DEPTH} levels.", origin)
        if isinstance(event, AliasEvent):
            node = self.alias(event, origin)
        elif isinstance(event, ScalarEvent):
            node = _scalar(event, origin)
        elif isinstance(event, SequenceStartEvent):
            node = self.sequence(event, origin, depth)
        else:
            node = self.mapping(event, origin, depth)
        # An alias counts as much as what it stands for; the parts of a new list or map have counted already.
        self.values += node.size if isinstance(event, AliasEvent) else 1
        if self.values > MAX_VALUES:
            raise self.error(f"More than {MAX_VALUES} values, aliases included.", origin)
        if event.anchor and not isinstance(event, AliasEvent):
            self.anchors[event.anchor] = node
        return node

    def alias(self, event: Any, origin: Origin) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            raise self.error(f"The alias *{event.anchor} has no anchor &{event.anchor} before it.", origin)
        return node

    def sequence(self, event: Any, origin: Origin, depth: int) -> ListNode:
        items = []
        for item in self.events:
            if isinstance(item, SequenceEndEvent):
                break
            items.append(self.node(item, depth + 1))
        size = 1 + sum(item.size for item in items)
        return ListNode(items=tuple(items), origin=origin, tag=_own_tag(event.tag), size=size)

    def mapping(self, event: Any, origin: Origin, depth: int) -> MapNode:
        entries: dict[str, Node] = {}
        below: list[MapNode] = []
        for key in self.events:
            if isinstance(key, MappingEndEvent):
                break
            name = self.key(key)
            if name in entries:
                raise self.error(f"The key {name!r} is written twice in this map.", self.origin(key))
            node = self.node(next(self.events), depth + 1, key)
            if name == "<<":
                below += self.merge_sources(node)
            else:
                entries[name] = node
        for source in below:
            entries = {**source.entries, **entries}
        size = 1 + sum(node.size for node in entries.values())
        return MapNode(entries=MappingProxyType(entries), origin=origin, tag=_own_tag(event.tag), size=size)

    def key(self, event: Any) -> str:
        if not isinstance(event, ScalarEvent):
            raise self.error("A key must be text; write quotes around a value that starts with {.", self.origin(event))
        return _text(event, self.origin(event))

    def merge_sources(self, node: Node) -> list[MapNode]:
        sources = list(node.items) if isinstance(node, ListNode) else [node]
        maps = [source for source in sources if isinstance(source, MapNode)]
        if len(maps) != len(sources) and not all(source.tag for source in sources if source not in maps):
            raise self.error("`<<` takes a map or a list of maps.", node.origin)
        return maps

    def origin(self, event: Any) -> Origin:
        return Origin(file=self.file, line=event.start_mark.line + 1)

    def error(self, problem: str, origin: Origin) -> ConfigurationInvalidError:
        return ConfigurationInvalidError(problem, file=origin.file, line=origin.line)


def _text(event: Any, origin: Origin) -> str:
    """A scalar's text, without what escapes can write although no path and no text in UTF-8 can hold it."""
    text = str(event.value)
    if found := _UNUSABLE.search(text):
        raise ConfigurationInvalidError(
            f"The character \\u{ord(found[0]):04x} cannot be used in a value.", file=origin.file, line=origin.line
        )
    return text


def _scalar(event: Any, origin: Origin) -> Scalar:
    text = _text(event, origin)
    is_plain = event.tag is None and event.implicit[0]
    has_core_type = bool(event.tag) and event.tag.startswith(_CORE) and event.tag != f"{_CORE}str"
    value = resolved_plain(text) if is_plain or has_core_type else text
    return Scalar(value=value, text=text, origin=origin, tag=_own_tag(event.tag))


def resolved_plain(text: str) -> str | int | float | bool | None:
    """What text without quotes means in YAML 1.2; `yes`, `no`, `on` and `off` are text."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if len(text) > _DIGITS:
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _FLOAT.fullmatch(text) else text


def _own_tag(tag: str | None) -> str:
    return tag if tag and tag != "!" and not tag.startswith(_CORE) else ""
