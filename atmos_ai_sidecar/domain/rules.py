"""Rules: what the project, its organisation and the person allow, ask about and deny, by what a call is about.

Whatever a call does not tell (a stack that is known only when a command runs, a folder with the file in it) counts
against it: a rule that allows needs to be sure, one that asks or denies does not.
"""

import fnmatch
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from atmos_ai_sidecar.domain.calls import Call, Part
from atmos_ai_sidecar.domain.commands.spellings import Said
from atmos_ai_sidecar.domain.decisions import DecisionKind, Rule, matches_tool
from atmos_ai_sidecar.domain.paths import folded, matches_glob
from atmos_ai_sidecar.domain.tools import Effect
from atmos_ai_sidecar.domain.word_patterns import Match, WordPattern
from atmos_ai_sidecar.lazy_dataclasses import dataclass


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
        """The rules that ask or deny and hold for the call, in the order in which they are written.

        Of those that may hold, because the call does not tell, at least the first of each decision.
        """
        shelf = self._shelf(call.tool)
        words, stacks = shelf.named_by(call)
        found = {
            entry.index: each for entry in shelf.strict.naming(words, stacks.values) if (each := _against(entry, call))
        }
        for group in shelf.strict.groups(of_words=None in words, of_stacks=stacks.is_open):
            # What cannot be told may be what any of these name: one of them is as much to know as all.
            for entry in group:
                if entry.index not in found and (each := _against(entry, call)):
                    found[entry.index] = each
                    break
        return [found[index] for index in sorted(found)]

    def allowing(self, call: Call, part: Part) -> Sequence[PermissionRule]:
        """The rules that allow that part of the call, for sure."""
        entries = self._shelf(call.tool).allowing.naming(part.words[:1], part.stacks.values)
        return [entry.rule for entry in entries if _allows(entry, call, part)]

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

    def __init__(self, entries: Iterable[_Entry]) -> None:
        self._others: list[_Entry] = []
        self._by_word: dict[str, list[_Entry]] = defaultdict(list)
        self._by_stack: dict[str, list[_Entry]] = defaultdict(list)
        self._of_words: dict[object, list[_Entry]] = defaultdict(list)
        self._of_stacks: dict[object, list[_Entry]] = defaultdict(list)
        for entry in entries:
            self._add(entry)

    def naming(self, words: Iterable[str | None], stacks: Sequence[str]) -> Sequence[_Entry]:
        """The entries that may hold for commands that begin with these words and for these stacks, in their order."""
        found = [*self._others]
        for word in words:
            found += self._by_word.get(word or "", ())
        for stack in stacks:
            found += self._by_stack.get(stack, ())
        unique = {entry.index: entry for entry in found}
        return [unique[index] for index in sorted(unique)]

    def groups(self, *, of_words: bool, of_stacks: bool) -> Iterator[Sequence[_Entry]]:
        """The entries that name words or stacks, those together that would decide alike."""
        if of_words:
            yield from self._of_words.values()
        if of_stacks:
            yield from self._of_stacks.values()

    def _add(self, entry: _Entry) -> None:
        rule = entry.rule
        group = (rule.decision, rule.is_managed)
        words = {pattern.first_word for pattern in entry.commands}
        if words and "" not in words:
            self._of_words[group].append(entry)
            for word in words:
                self._by_word[word].append(entry)
        elif rule.stacks and not any(map(_has_wildcard, rule.stacks)):
            self._of_stacks[group].append(entry)
            for stack in set(rule.stacks):
                self._by_stack[stack].append(entry)
        else:
            self._others.append(entry)


class _Shelf:
    """The rules for one tool."""

    def __init__(self, entries: Sequence[_Entry]) -> None:
        self.allowing = _Index(entry for entry in entries if entry.rule.decision is DecisionKind.ALLOW)
        self.strict = _Index(entry for entry in entries if entry.rule.decision is not DecisionKind.ALLOW)

    def named_by(self, call: Call) -> tuple[set[str | None], Said]:
        """The words that the call's commands may begin with, and its stacks."""
        words = {form[0] for part in call.parts for form in part.spellings}
        stacks = [stack for part in call.parts for stack in part.stacks.values]
        is_open = any(part.stacks.is_open for part in call.parts)
        return words | ({None} if call.is_open else set()), Said(values=stacks, is_open=is_open)


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
