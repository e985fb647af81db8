"""Classifies a command by its table row: options, subcommands, operands."""

import re
from collections.abc import Sequence
from dataclasses import field

from atmos_ai_sidecar.domain.commands.secrets import names_secret
from atmos_ai_sidecar.domain.commands.specs import Arguments, Option, Spec, matches, strictest
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_NUMBER = re.compile(r"-\d+")
_LIKE_OPTION = re.compile(r"-(?!\d).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a command with these arguments is."""

    command_class: CommandClass
    subcommands: Sequence[str] = ()
    """The words that chose the table row, in order."""
    operands: Sequence[str | None] = ()
    inner: Sequence[str | None] = ()
    """A command that it runs, given after ``--``."""


def classify(words: Sequence[str | None], spec: Spec) -> Verdict:
    """The class of a program with these arguments; ``words`` does not hold its name."""
    return _Scan(words, spec).verdict()


@dataclass(slots=True)
class _Scan:
    words: Sequence[str | None]
    spec: Spec
    position: int = 0
    persistent: list[Spec] = field(default_factory=list)
    subcommands: list[str] = field(default_factory=list)
    operands: list[str | None] = field(default_factory=list)
    values: list[tuple[str, str]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    classes: list[CommandClass] = field(default_factory=list)
    inner: Sequence[str | None] = ()
    options_ended: bool = False

    def verdict(self) -> Verdict:
        if not self.spec.is_free:
            while self.position < len(self.words):
                self._take(self._next())
            self._finish()
        return Verdict(
            command_class=strictest([self.spec.command_class, *self.classes]),
            subcommands=tuple(self.subcommands),
            operands=tuple(self.operands),
            inner=self.inner,
        )

    def _next(self) -> str | None:
        word = self.words[self.position]
        self.position += 1
        if word is None:
            self.classes.append(CommandClass.UNKNOWN)
        elif names_secret(word):
            self.classes.append(CommandClass.SECRET_READ)
        return word

    def _take(self, word: str | None) -> None:
        if word == "--" and not self.options_ended:
            self._dashes()
        elif word is None or self.options_ended or word == "-" or not word.startswith("-"):
            self._operand(word)
        else:
            self._option(word)

    def _dashes(self) -> None:
        if self._takes_subcommand():
            # Programs differ in what follows then: a subcommand, its options, or an error.
            self.classes.append(CommandClass.UNKNOWN)
        if self.spec.runs_after_dashes:
            self.inner = self.words[self.position :]
            self.position = len(self.words)
        self.options_ended = not self.spec.goes_on_after_dashes

    def _operand(self, word: str | None) -> None:
        if not self._takes_subcommand():
            self.operands.append(word)
            return
        spec = self.spec.subcommand(word) if word is not None else None
        if spec is None:
            self.classes.append(CommandClass.UNKNOWN)
            spec = Spec(command_class=CommandClass.UNKNOWN, is_open=True)
        if self.spec.is_persistent:
            self.persistent.append(self.spec)
        self.subcommands.append(word or "")
        self.spec = spec

    def _takes_subcommand(self) -> bool:
        return bool(self.spec.subcommands) or self.spec.has_groups or self.spec.other is not None

    def _option(self, word: str) -> None:
        if word.startswith("--") and not self.spec.has_clusters:
            word = word[1:]
        name, attached, value = word.partition("=")
        if (exact := self._known(word)) is not None:
            self._accept(word, exact, None)
        elif (option := self._known(name)) is not None:
            self._accept(name, option, value if attached else None)
        elif self._known("-#") is not None and _NUMBER.fullmatch(word):
            return
        elif self.spec.has_clusters and not word.startswith("--"):
            self._cluster(word)
        else:
            self._unlisted(name)

    def _known(self, name: str) -> Option | None:
        for spec in (self.spec, *self.persistent):
            if (option := spec.options.get(name)) is not None:
                return option
        return None

    def _accept(self, name: str, option: Option, value: str | None) -> None:
        self.classes.append(option.command_class)
        self.seen.add(name)
        if option.takes == ":" and value is None:
            if self.position == len(self.words):
                self.classes.append(CommandClass.UNKNOWN)
                return
            value = self._next()
            if value is not None and _LIKE_OPTION.match(value):
                # Where a program takes no value here, the word is an option of its own.
                self.classes.append(CommandClass.UNKNOWN)
        elif not option.takes and value is not None:
            self.classes.append(CommandClass.UNKNOWN)
        if value is not None:
            self.values.append((name, value))

    def _cluster(self, word: str) -> None:
        for index, letter in enumerate(word[1:], start=2):
            name, rest = f"-{letter}", word[index:]
            option = self._known(name)
            if option is None:
                self._unlisted(name)
            elif option.takes:
                self._accept(name, option, (rest or None) and rest.removeprefix("="))
                return
            else:
                self._accept(name, option, None)

    def _unlisted(self, name: str) -> None:
        if name.startswith("--"):
            listed = (spec.options for spec in (self.spec, *self.persistent))
            self.classes.extend(
                option.command_class for known in listed for full, option in known.items() if full.startswith(name)
            )
        if not self.spec.is_open:
            self.classes.append(CommandClass.UNKNOWN)

    def _finish(self) -> None:
        spec = self.spec
        if any(not group & self.seen for group in spec.needs):
            self.classes.append(spec.otherwise)
        if spec.max_operands is not None and len(self.operands) > spec.max_operands:
            self.classes.append(CommandClass.MUTATE)
        known = [operand for operand in self.operands if operand is not None]
        self.classes.extend(_operand_class(operand, spec) for operand in known)
        if spec.judge is not None:
            self.classes.append(spec.judge(Arguments(operands=known, values=self.values)))


def _operand_class(operand: str, spec: Spec) -> CommandClass:
    lowered = operand.lower()
    for pattern, command_class in spec.operand_classes:
        if any(matches(part, pattern) for part in (lowered, *re.split("[,/]", lowered))):
            return command_class
    return CommandClass.READ
