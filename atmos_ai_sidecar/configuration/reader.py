"""Reads typed values out of nodes; every error names file, line, setting and what was expected, and no secret."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from atmos_ai_sidecar.configuration.answers import Unevaluated
from atmos_ai_sidecar.configuration.nodes import ListNode, MapNode, Node, Origin, Scalar, described
from atmos_ai_sidecar.configuration.yaml_file import resolved_plain
from atmos_ai_sidecar.domain.permissions import ListEntry
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_LOGIN = re.compile(r"//[^/@\s]*@")
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")

Value = str | int | float | bool | None
T = TypeVar("T")
Word = TypeVar("Word", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What reading leaves behind besides the values."""

    directory: Path
    """Files below it are named relative to it in rules."""
    origins: dict[str, Origin] = field(default_factory=dict)
    """Where each value that was read is written, by its dotted path."""
    values: dict[str, str] = field(default_factory=dict)
    """What they are, for people: without keys, and without names and passwords of URLs."""
    warnings: list[str] = field(default_factory=list)
    unevaluated: list[Unevaluated] = field(default_factory=list)
    """Values that were needed and stand as functions that only Atmos evaluates; they count as missing."""

    def relative(self, file: str) -> str:
        path = Path(file)
        return str(path.relative_to(self.directory)) if path.is_relative_to(self.directory) else file


class Section:
    """One map of the configuration. A key that is missing or empty gives the default."""

    def __init__(self, node: Node | None, path: str, reading: Reading) -> None:
        if isinstance(node, Scalar) and node.value is None and not node.tag:
            node = None
        if node is not None and node.tag:
            reading.unevaluated.append(Unevaluated(setting=path, tag=node.tag, origin=node.origin))
            node = None
        if node is not None and not isinstance(node, MapNode):
            raise wrong_type(node, path, "a map")
        self.node = node
        self.path = path
        self._reading = reading

    def section(self, name: str) -> "Section":
        return Section(self._find(name), self._path(name), self._reading)

    def sections(self) -> Mapping[str, "Section"]:
        """Every key with its map."""
        return {name: self.section(name) for name in self.names()}

    def names(self) -> Sequence[str]:
        return tuple(self.node.entries) if self.node else ()

    def scalar(self, name: str) -> Scalar | None:
        """The value as it is written, also when its variable is not set; None when it is missing or no single value."""
        node = self.node.get(name) if self.node else None
        return node if isinstance(node, Scalar) and not node.tag and (node.value is not None or node.variable) else None

    def node_of(self, name: str) -> Node | None:
        """The value as it is written, of any type; None when it is missing or empty."""
        node = self._find(name)
        if isinstance(node, ListNode):
            self._reading.values[self._path(name)] = f"{len(node.items)} in all"
        return node

    def text(self, name: str, default: str = "") -> str:
        return self._value(name, default, "text", lambda value: value if isinstance(value, str) else None, weak=False)

    def secret(self, name: str) -> str:
        """Text, or a number or truth value as text, that is shown to nobody."""
        text = self._value(name, "", "text", _as_text, weak=False)
        self._reading.values[self._path(name)] = "(hidden)"
        return text

    def boolean(self, name: str, *, default: bool) -> bool:
        return self._value(name, default, "true or false", lambda value: value if isinstance(value, bool) else None)

    def integer(self, name: str, default: int, *, least: int = 1) -> int:
        expected = f"a whole number of at least {least}"
        return self._value(name, default, expected, lambda value: _whole(value) if _at_least(value, least) else None)

    def number(self, name: str, *, at_most: float = math.inf, or_zero: bool = False) -> float | None:
        """A number above 0, or 0 where it may be; None when it is missing."""
        expected = "a number above 0" + (", or 0" if or_zero else "")
        expected += f" and at most {at_most:g}" if at_most < math.inf else ""
        node = self._find(name)
        if node is None:
            return None
        return self._value(name, 0.0, expected, lambda value: _positive(value, at_most, or_zero=or_zero))

    def seconds(self, name: str) -> float | None:
        """A number of seconds, or a duration such as 90s, 20m or 1h30m."""
        node = self._find(name)
        return None if node is None else self._value(name, 0.0, "seconds such as 90, or 90s, 20m, 1h30m", _seconds)

    def word(self, name: str, default: Word) -> Word:
        """One word of an enumeration."""
        words = {str(word): word for word in type(default)}
        return self._value(name, default, f"one of {', '.join(words)}", lambda value: words.get(str(value)))

    def entries(self, name: str) -> Sequence[ListEntry]:
        """A list of patterns, each with the place where it is written."""
        node = self._find(name)
        if node is None:
            return ()
        items = node.items if isinstance(node, ListNode) else [node]
        for item in items:
            if item.tag:
                found = Unevaluated(setting=self._path(name), tag=item.tag, origin=item.origin)
                self._reading.unevaluated.append(found)
        entries = tuple(self._entry(item, self._path(name)) for item in items if not item.tag)
        self._reading.values[self._path(name)] = ", ".join(entry.pattern for entry in entries)
        return entries

    def texts(self, name: str) -> Sequence[str]:
        """A list of words as they were written; numbers and truth values count as words."""
        node = self._find(name)
        if node is None:
            return ()
        if not isinstance(node, ListNode):
            raise wrong_type(node, self._path(name), "a list")
        words: list[str] = []
        for item in node.items:
            word = _as_text(item.value) if isinstance(item, Scalar) else None
            if item.tag:
                found = Unevaluated(setting=self._path(name), tag=item.tag, origin=item.origin)
                self._reading.unevaluated.append(found)
            elif word is None:
                raise wrong_type(item, self._path(name), "words")
            else:
                words.append(word)
        return words

    def only(self, *known: str) -> "Section":
        """The same section, once it is sure that it has no other keys: it is ours alone.

        Raises:
            ConfigurationInvalidError: There is another key; the error names the nearest that is right.
        """
        for key, node in self.node.entries.items() if self.node else ():
            if key.lower() not in known:
                near = difflib.get_close_matches(key.lower(), known, n=1)
                remedy = f"Did you mean `{near[0]}`?" if near else f"Known are {', '.join(known)}."
                problem = f"{self.path}.{key} is not a setting."
                raise ConfigurationInvalidError(problem, file=node.origin.file, line=node.origin.line, remedy=remedy)
        return self

    def hint(self, known: Iterable[str]) -> None:
        """Warns about keys that look like a slip of the pen; others are the business of Atmos."""
        names = list(known)
        for key, node in self.node.entries.items() if self.node else ():
            near = difflib.get_close_matches(key.lower(), names, n=1, cutoff=0.75)
            if key.lower() not in names and near:
                where = f"{self._reading.relative(node.origin.file)}:{node.origin.line}"
                self._reading.warnings.append(f"{where}: {self.path}.{key} means nothing here, perhaps {near[0]}?")

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def _find(self, name: str) -> Node | None:
        node = self.node.get(name) if self.node else None
        if node is None or (isinstance(node, Scalar) and node.value is None and not node.tag):
            return None
        path = self._path(name)
        if node.tag:
            self._reading.unevaluated.append(Unevaluated(setting=path, tag=node.tag, origin=node.origin))
            return None
        self._reading.origins[path] = node.origin
        return node

    def _value(
        self, name: str, default: T, expected: str, convert: Callable[[Value], T | None], *, weak: bool = True
    ) -> T:
        node = self._find(name)
        if node is None:
            return default
        value = None
        if isinstance(node, Scalar):
            # A variable is always text, so what it means is decided by what is expected.
            value = convert(resolved_plain(str(node.value)) if node.variable and weak else node.value)
        if value is None:
            raise wrong_type(node, self._path(name), expected)
        self._reading.values[self._path(name)] = _shown(self._path(name), value)
        return value

    def _entry(self, node: Node, path: str) -> ListEntry:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            raise wrong_type(node, path, "a list of names, in quotes where they start with *")
        return ListEntry(pattern=node.value, file=self._reading.relative(node.origin.file), line=node.origin.line)


def _shown(path: str, value: object) -> str:
    if path.endswith("api_key") or path == "ai.sessions.url":
        return "(hidden)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return _LOGIN.sub("//", str(value))


def wrong_type(node: Node, path: str, expected: str) -> ConfigurationInvalidError:
    """The error for a value of a wrong type; it does not repeat the value, which may be a secret."""
    return ConfigurationInvalidError(
        f"{path}: expected {expected}, found {described(node)}.", file=node.origin.file, line=node.origin.line
    )


def _as_text(value: Value) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value)


def _whole(value: Value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _at_least(value: Value, least: int) -> bool:
    number = _whole(value)
    return number is not None and number >= least


def _positive(value: Value, at_most: float = math.inf, *, or_zero: bool = False) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= at_most or (or_zero and value == 0) else None


def _seconds(value: Value) -> float | None:
    if not isinstance(value, str):
        return _positive(value)
    match = _DURATION.fullmatch(value)
    if not match or not value:
        return None
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return _positive(hours * 3600 + minutes * 60 + seconds)
