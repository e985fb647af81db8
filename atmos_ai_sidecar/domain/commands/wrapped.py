"""Takes commands out of the programs that run them.

An option that the table does not list is a doubt, and the search goes on behind it, so that deny rules still see the
command.
"""

import re
from collections.abc import Sequence
from dataclasses import field

from atmos_ai_sidecar.domain.commands.tables.wrappers import (
    ENDS_OF_RUN,
    RUNNING_OPTIONS,
    SHELLS,
    WRAPPERS,
    Form,
    Wrapper,
)
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

Words = Sequence[str | None]

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*\+?=", re.ASCII)
_PLAIN_CLUSTER = re.compile(r"-[ceux]+|-[ceux]*o pipefail")
_UNKNOWN_TEXT = "a command line that is not known before it runs"
OTHER_SHELL = "another shell, or a shell with unusual options"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapped:
    """What was found in a wrapper: words, or a command line, or neither."""

    command_class: CommandClass = CommandClass.READ
    """The wrapper's own part."""
    words: Words = ()
    text: str | None = None
    assignments: Sequence[str] = ()
    doubts: Sequence[str] = ()


def is_wrapper(program: str) -> bool:
    """Whether a program runs the command in its arguments."""
    return program in SHELLS or program in WRAPPERS


def unwrap(program: str, words: Words) -> Wrapped | None:
    """The command that a program runs with these arguments; None when the program is no wrapper."""
    if program in SHELLS:
        return _shell(program, words)
    wrapper = WRAPPERS.get(program)
    return None if wrapper is None else _Search(wrapper, program, words).result()


def split_runs(program: str, words: Words) -> tuple[Words, Sequence[Words]]:
    """The arguments without the commands that they run, as ``find -exec``, and these commands."""
    starts = RUNNING_OPTIONS.get(program, frozenset())
    rest: list[str | None] = []
    runs: list[list[str | None]] = []
    is_running = False
    for word in words:
        if is_running:
            if word in ENDS_OF_RUN:
                is_running = False
            else:
                runs[-1].append(_filled(word))
        elif word in starts:
            is_running = True
            runs.append([])
        else:
            rest.append(word)
    return rest, runs


def _filled(word: str | None) -> str | None:
    return None if word == "{}" else word


@dataclass(slots=True)
class _Search:
    wrapper: Wrapper
    program: str
    words: Words
    position: int = 0
    doubts: list[str] = field(default_factory=list)
    assignments: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    text: str | None = None

    def result(self) -> Wrapped:
        self._skip_options()
        if self.seen & self.wrapper.lookups and not self.doubts:
            return Wrapped()
        rest = list(self.words[self.position :])
        own, rest = rest[: self.wrapper.operands], rest[self.wrapper.operands :]
        if None in own:
            self.doubts.append(_UNKNOWN_TEXT)
        if self.wrapper.doubt:
            self.doubts.append(self.wrapper.doubt)
        if self.text is not None:
            return self._found(text=" ".join([self.text, *(word or "" for word in rest)]))
        if not rest or self.wrapper.form is Form.OPTION:
            return self._found(alone=True)
        if self.wrapper.form is Form.WORDS:
            return self._found(words=[*map(_filled, rest), None] if self.wrapper.adds_words else rest)
        return self._joined(rest[:1] if self.wrapper.form is Form.FIRST else rest)

    def _joined(self, words: Words) -> Wrapped:
        known = [word for word in words if word is not None]
        if len(known) < len(words):
            self.doubts.append(_UNKNOWN_TEXT)
            return self._found(text=" ".join(known), unknown=True)
        return self._found(text=" ".join(known))

    def _found(
        self, *, words: Words = (), text: str | None = None, alone: bool = False, unknown: bool = False
    ) -> Wrapped:
        own = self.wrapper.alone if alone else self.wrapper.command_class
        return Wrapped(
            command_class=CommandClass.UNKNOWN if unknown else own,
            words=words,
            text=text,
            assignments=tuple(self.assignments),
            doubts=tuple(self.doubts),
        )

    def _skip_options(self) -> None:
        while self.position < len(self.words):
            word = self.words[self.position]
            if word == "--":
                self.position += 1
                return
            if word is not None and self.wrapper.takes_assignments and _ASSIGNMENT.match(word):
                self.assignments.append(word)
            elif word is not None and word.startswith("-") and (word != "-" or "-" in self.wrapper.options):
                self._option(word)
            elif self.wrapper.form is not Form.OPTION:
                return
            self.position += 1

    def _option(self, word: str) -> None:
        name, attached, value = word.partition("=")
        if name in self.wrapper.options or name in self.wrapper.text_options:
            self._accept(name, value if attached else None)
        elif "-#" in self.wrapper.options and word[1:].isdigit():
            return
        elif word.startswith("--"):
            self._doubt(name)
        else:
            self._cluster(word)

    def _cluster(self, word: str) -> None:
        for index, letter in enumerate(word[1:], start=2):
            name, rest = f"-{letter}", word[index:]
            option = self.wrapper.options.get(name)
            if name in self.wrapper.text_options or (option is not None and option.takes):
                self._accept(name, rest or None)
                return
            if option is None:
                self._doubt(name)
            self.seen.add(name)

    def _accept(self, name: str, value: str | None) -> None:
        self.seen.add(name)
        is_text = name in self.wrapper.text_options
        if value is None and (is_text or self.wrapper.options[name].takes == ":"):
            self.position += 1
            value = self.words[self.position] if self.position < len(self.words) else None
        if is_text:
            self.text = value or ""
            self._doubt(name)

    def _doubt(self, name: str) -> None:
        self.doubts.append(f"{self.program} with the option {name}")


def _shell(program: str, words: Words) -> Wrapped:
    """The command line of ``bash -c``; a shell that reads a script or its input runs code."""
    has_text = False
    is_plain = program == "bash"
    position = 0
    while position < len(words):
        word = words[position]
        if word is None or not word.startswith(("-", "+")):
            break
        position += 1
        if word in {"-", "--"}:
            break
        is_long = word.startswith("--")
        has_text = has_text or (not is_long and word[0] == "-" and "c" in word)
        takes_value = word in {"--rcfile", "--init-file"} if is_long else "o" in word.lower()
        value = words[position] if takes_value and position < len(words) else None
        with_value = word if value is None else f"{word} {value}"
        is_plain = is_plain and _PLAIN_CLUSTER.fullmatch(with_value) is not None
        position += takes_value
    text = words[position] if has_text and position < len(words) else None
    doubts = () if is_plain and text is not None else (OTHER_SHELL,)
    return Wrapped(
        command_class=CommandClass.CODE_EXECUTION if text is None else CommandClass.READ, text=text, doubts=doubts
    )
