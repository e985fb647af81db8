"""Rules: what the project, its organisation and the person allow, ask about and deny, by what a call is about.

Whatever a call does not tell (a stack that is known only when a command runs, a folder with the file in it) counts
against it: a rule that allows needs to be sure, one that asks or denies does not.
"""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

from atmos_ai_sidecar.domain.calls import Call, Part
from atmos_ai_sidecar.domain.commands.spellings import Said
from atmos_ai_sidecar.domain.decisions import DecisionKind, Rule, matches_tool
from atmos_ai_sidecar.domain.paths import folded, matches_glob
from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.domain.word_patterns import Match, WordPattern


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRule:
    """A decision for the calls that all of its conditions hold for; an empty condition holds for every call."""

    decision: DecisionKind
    tools: Sequence[str] = ()
    stacks: Sequence[str] = ()
    components: Sequence[str] = ()
    commands: Sequence[str] = ()
    """Patterns of words, see ``WordPattern``."""
    paths: Sequence[str] = ()
    """Globs: relative to the project's folder, or absolute outside of it."""
    effects: Sequence[Effect] = ()
    reason: str = ""
    file: str = ""
    line: int = 0
    is_managed: bool = False
    """It comes from the organisation's policy, and stands on the floor."""

    @property
    def is_for_whole_tools(self) -> bool:
        """Whether it holds for every call of its tools."""
        return not (self.stacks or self.components or self.commands or self.paths or self.effects)

    def is_for(self, tool: str) -> bool:
        return not self.tools or any(matches_tool(tool, pattern) for pattern in self.tools)

    @property
    def shown(self) -> Rule:
        """The rule as a person reads it."""
        conditions = (
            ("tools", self.tools), ("stacks", self.stacks), ("components", self.components),
            ("commands", self.commands), ("paths", self.paths), ("effects", self.effects),
        )  # fmt: skip
        words = "; ".join(f"{name} {', '.join(values)}" for name, values in conditions if values)
        source = "managed policy" if self.is_managed else "ai.permissions.rules"
        return Rule(text=f"{source}: {self.decision} {words}", file=self.file, line=self.line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A rule that has a say in a call, or may have."""

    rule: PermissionRule
    doubt: str = ""
    """What the call does not tell; empty when the rule holds for sure."""


class RuleBook:
    """Rules that are found fast: by tool, and then by the first word of a command, by stack or by component."""

    def __init__(self, rules: Sequence[PermissionRule] = ()) -> None:
        self.rules = tuple(rules)
        self._shelves: dict[str, _Shelf] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RuleBook) and self.rules == other.rules

    def __hash__(self) -> int:
        return hash(self.rules)

    def __repr__(self) -> str:
        return f"RuleBook({self.rules!r})"

    def against(self, call: Call) -> Sequence[Found]:
        """The rules that ask or deny and hold for the call, or may hold, in the order in which they are written."""
        shelf = self._shelf(call.tool)
        if not shelf.strict:
            return ()
        found = (_against(entry, call) for entry in shelf.strict_for(call))
        return [each for each in found if each is not None]

    def allowing(self, call: Call, part: Part) -> Sequence[PermissionRule]:
        """The rules that allow that part of the call, for sure."""
        shelf = self._shelf(call.tool)
        return [entry.rule for entry in shelf.allowing_for(part) if _allows(entry, call, part)]

    def denies_all(self, tool: str) -> bool:
        """Whether a rule denies every call of a tool."""
        return any(
            rule.decision is DecisionKind.DENY and rule.is_for_whole_tools and rule.is_for(tool) for rule in self.rules
        )

    def _shelf(self, tool: str) -> "_Shelf":
        shelf = self._shelves.get(tool)
        if shelf is None:
            entries = [_Entry(index, rule) for index, rule in enumerate(self.rules) if rule.is_for(tool)]
            shelf = self._shelves[tool] = _Shelf(entries)
        return shelf


class _Entry:
    """A rule ready to be compared."""

    __slots__ = ("commands", "components", "index", "paths", "rule", "stacks")

    def __init__(self, index: int, rule: PermissionRule) -> None:
        self.index = index
        self.rule = rule
        self.stacks = _one_pattern(rule.stacks)
        self.components = _one_pattern(rule.components)
        self.commands = [WordPattern(text) for text in rule.commands]
        self.paths = [folded(glob) for glob in rule.paths]


class _Index:
    """Entries by what they name without wildcards."""

    def __init__(self) -> None:
        self.by_word: Mapping[str, list[_Entry]] = defaultdict(list)
        self.by_stack: Mapping[str, list[_Entry]] = defaultdict(list)
        self.others: list[_Entry] = []

    def add(self, entry: _Entry) -> None:
        words = {pattern.first_word for pattern in entry.commands}
        stacks = set(entry.rule.stacks)
        if words and "" not in words:
            for word in words:
                self.by_word[word].append(entry)
        elif stacks and not any(_has_wildcard(stack) for stack in stacks):
            for stack in stacks:
                self.by_stack[stack].append(entry)
        else:
            self.others.append(entry)

    def candidates(self, words: set[str | None], stacks: Said) -> Sequence[_Entry]:
        found = [*self.others]
        if None in words:
            found += [entry for entries in self.by_word.values() for entry in entries]
        for word in words:
            found += self.by_word.get(word or "", ())
        if stacks.is_open:
            found += [entry for entries in self.by_stack.values() for entry in entries]
        for stack in stacks.values:
            found += self.by_stack.get(stack, ())
        unique = {entry.index: entry for entry in found}
        return [unique[index] for index in sorted(unique)]


class _Shelf:
    """The rules for one tool."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.strict = [entry for entry in entries if entry.rule.decision is not DecisionKind.ALLOW]
        self._strict, self._allowing = _Index(), _Index()
        for entry in entries:
            (self._allowing if entry.rule.decision is DecisionKind.ALLOW else self._strict).add(entry)

    def strict_for(self, call: Call) -> Sequence[_Entry]:
        words = {form[0] if form else None for part in call.parts for form in part.spellings}
        stacks = Said(
            values=[stack for part in call.parts for stack in part.stacks.values],
            is_open=any(part.stacks.is_open for part in call.parts),
        )
        return self._strict.candidates(words | ({None} if call.is_open else set()), stacks)

    def allowing_for(self, part: Part) -> Sequence[_Entry]:
        return self._allowing.candidates({part.words[0]} if part.words else set(), part.stacks)


def _against(entry: _Entry, call: Call) -> Found | None:
    """What a rule that asks or denies has to say about a call; None when it does not hold."""
    rule = entry.rule
    if rule.effects and call.effect not in rule.effects:
        return None
    of_parts = [_on_part(entry, part) for part in call.parts]
    if call.is_open and rule.commands:
        of_parts.append({"a command": Match.MAYBE})
    levels = max(of_parts, key=lambda part: min(part.values(), default=Match.YES))
    if rule.paths:
        levels["a file"] = _on_paths(entry, call)
    unclear = [what for what, level in levels.items() if level is Match.MAYBE]
    if min(levels.values(), default=Match.YES) is Match.NO:
        return None
    return Found(rule=rule, doubt=" and ".join(unclear))


def _on_part(entry: _Entry, part: Part) -> dict[str, Match]:
    levels: dict[str, Match] = {}
    if entry.commands:
        forms = [pattern.match(form) for form in part.spellings for pattern in entry.commands]
        levels["a command"] = max(forms, default=Match.NO)
    if entry.stacks is not None:
        levels["the stack"] = _possible(entry.stacks, part.stacks)
    if entry.components is not None:
        levels["the component"] = _possible(entry.components, part.components)
    return levels


def _possible(pattern: re.Pattern[str], said: Said) -> Match:
    if any(map(pattern.match, said.values)):
        return Match.YES
    return Match.MAYBE if said.is_open else Match.NO


def _on_paths(entry: _Entry, call: Call) -> Match:
    paths = [folded(path) for path in call.paths]
    if any(_is_at(path, glob) for path in paths for glob in entry.paths):
        return Match.YES
    if any(_may_hold(folded(folder), glob) for folder in call.folders for glob in entry.paths):
        return Match.MAYBE
    return Match.NO


def _may_hold(folder: str, glob: str) -> bool:
    """Whether files that match a glob may be below a folder."""
    if folder.startswith("/") and not glob.startswith("/"):
        return False
    parts = [part for part in glob.split("/") if part not in {"", "."}]
    fixed = list(takewhile(lambda part: not _has_wildcard(part), parts)) if "/" in glob else []
    names = [part for part in folder.split("/") if part not in {"", "."}]
    shorter = min(len(fixed), len(names))
    return fixed[:shorter] == names[:shorter] and (len(fixed) < len(parts) or len(names) < len(fixed))


def _allows(entry: _Entry, call: Call, part: Part) -> bool:
    """Whether a rule allows a part of a call, whatever the call does not tell."""
    rule = entry.rule
    if rule.effects and call.effect not in rule.effects:
        return False
    if entry.commands:
        if not any(pattern.match(part.words) is Match.YES for pattern in entry.commands if part.words):
            return False
    elif part.command_class is not None and part.command_class.needs_exact_consent:
        return False
    if rule.paths and not (call.paths and all(_is_below(path, rule.paths) for path in call.paths)):
        return False
    pairs = ((entry.stacks, part.stacks), (entry.components, part.components))
    return all(pattern is None or _certain(pattern, said) for pattern, said in pairs)


def _certain(pattern: re.Pattern[str], said: Said) -> bool:
    return bool(said.values) and not said.is_open and all(map(pattern.match, said.values))


def _is_below(path: str, globs: Sequence[str]) -> bool:
    return any(_is_at(path, glob) for glob in globs)


def _is_at(path: str, glob: str) -> bool:
    if not glob.startswith("/"):
        return matches_glob(path, glob)
    return path.startswith("/") and matches_glob(path[1:], f".{glob}")


def _one_pattern(patterns: Sequence[str]) -> re.Pattern[str] | None:
    """One expression for all of the patterns; None when there are none."""
    return re.compile("|".join(map(fnmatch.translate, patterns))) if patterns else None


def _has_wildcard(text: str) -> bool:
    return any(sign in text for sign in "*?[")
