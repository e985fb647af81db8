"""What a command line would do: every simple command in it, its class, and what nobody can vouch for."""

import re
from collections.abc import Sequence
from dataclasses import field

from atmos_ai_sidecar.domain.commands.arguments import Verdict, classify
from atmos_ai_sidecar.domain.commands.paths import MAX_MOVES, leaves_directory, paths_of
from atmos_ai_sidecar.domain.commands.programs import find_program, is_known, is_subcommand
from atmos_ai_sidecar.domain.commands.specs import strictest
from atmos_ai_sidecar.domain.commands.syntax import is_harmless_assignment, read
from atmos_ai_sidecar.domain.commands.tree import Parse
from atmos_ai_sidecar.domain.commands.words import has_hidden_characters
from atmos_ai_sidecar.domain.commands.wrapped import Words, Wrapped, is_wrapper, split_runs, unwrap
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_LENGTH = 20_000
"""Longer command lines are not read: they ask, as unknown."""
MAX_WRAPPERS = 12
"""A command inside of more wrappers than this is not looked for: it asks, as unknown."""
MAX_LEVELS = 4
"""Command lines inside of command lines (``sh -c``) that are read; with MAX_NESTING it bounds the depth of the walk."""

_HARMLESS = frozenset({CommandClass.READ, CommandClass.PLAN})
_WITH_PREFIX = _HARMLESS | {CommandClass.MUTATE}


@dataclass(frozen=True, slots=True, kw_only=True)
class SimpleCommand:
    """A program with its arguments, as it would be started."""

    argv: Sequence[str | None]
    """The decoded words, None where a word cannot be known before it runs."""
    command_class: CommandClass
    program: str = ""
    """The program's name without folder, in lower case; empty when it cannot be known."""
    subcommands: Sequence[str] = ()
    """The subcommands, without the options before and between them: ``("state", "rm")``."""
    operands: Sequence[str | None] = ()
    """The arguments that are no options, subcommands and values of options, as far as the tables tell."""
    wrappers: Sequence[str] = ()
    """The programs that run it, outermost first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What a command line would do."""

    commands: Sequence[SimpleCommand]
    """Every simple command, also those inside of wrappers, substitutions, functions and ``sh -c``."""
    command_class: CommandClass
    """The strictest class of all parts."""
    is_open: bool = False
    """It may run more than ``commands``: a part of it cannot be read, or is known only when it runs."""
    doubts: Sequence[str] = ()
    """Why it asks at least, whatever rule allows it; noun phrases."""
    forbidden: str = ""
    """Why no setting may allow it; empty when one may."""
    paths: Sequence[str] = ()
    """Every word that may name a file, relative to the directory where the command line runs. Too many rather than
    too few."""
    redirects: Sequence[str] = ()
    """Those that redirects name."""

    @property
    def is_harmless(self) -> bool:
        """Whether it only reads or plans, without any doubt."""
        return not self.doubts and not self.forbidden and self.command_class in _HARMLESS

    @property
    def simple_prefix(self) -> Sequence[str]:
        """The smallest prefix that a grant may be given for, as words; empty when there is none.

        Only a single command without doubt and wrapper has one: its name when it reads, else name and subcommands. It
        covers another command only when that one has no doubt either and the same class.
        """
        if self.doubts or self.forbidden or len(self.commands) != 1 or self.command_class not in _WITH_PREFIX:
            return ()
        command = self.commands[0]
        if is_wrapper(command.program):
            return ()
        if not command.subcommands and command.command_class is CommandClass.MUTATE:
            return ()
        return (command.program, *command.subcommands)


def assess(text: str, parse: Parse) -> Assessment:
    """What bash would do with a command line. Total: what cannot be read is unknown and has a doubt.

    Args:
        text: The command line, of any number of lines.
        parse: Reads bash.
    """
    assessor = _Assessor(parse)
    assessor.text(text, ())
    return assessor.assessment()


def assess_argv(argv: Sequence[str], parse: Parse) -> Assessment:
    """What a program would do that is started with these words, without a shell.

    Args:
        argv: The program and its arguments.
        parse: Reads bash, for command lines in the arguments, as of ``sh -c``.
    """
    assessor = _Assessor(parse)
    if any(map(has_hidden_characters, argv)):
        assessor.doubt(_HIDDEN)
    if argv:
        assessor.argv(argv, ())
    return assessor.assessment()


_RESERVED = frozenset(
    {"!", "{", "}", "[[", "if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac",
     "select", "function", "in", "coproc"}
)  # fmt: skip
"""Where one of them is taken for a program, the text means something else in bash."""
_HIDDEN = "control or invisible characters"
_ASSISTANT = "no tool runs the assistant itself"
_FORBIDDEN_SUBCOMMANDS = {
    "ai": _ASSISTANT,
    "mcp": "a tool cannot start a server that would act on its own",
    "lsp": "a tool cannot start a server that would never end",
}
_FORBIDDEN_PROGRAMS = frozenset({"atmos-ai", "grpcurl"})
_PACKAGE = re.compile(
    r"(?:-\w*m)?(?:.*/)?atmos_ai_sidecar(?:\.__main__|/__main__\.py|/)?|.*\b(?:import|runpy)\b.*atmos_ai_sidecar.*",
    re.DOTALL,
)
_NAMED = re.compile(r"(?:^|[^\w.-])(?:atmos-ai(?:-sidecar)?|grpcurl|atmos\s+(?:ai|mcp|lsp))(?![\w.-])")
"""One of them in a script, or as the program that another one runs."""
_CONFIGURES = re.compile(
    r"(?:ai|mcp|commands|import|profiles|base_path|settings\.ai|components\.[^.]+\.command)(?:[.\[=].*)?"
    r"|(?:settings|components(?:\.[^.=]+)?)(?:=.*)?",
    re.IGNORECASE | re.DOTALL,
)
"""Keys of atmos.yaml that are for people only to set."""
_READS_CONFIGURATION = frozenset({"get", "list", "show", "view", "validate"})
_RUNS_CODE = frozenset({CommandClass.CODE_EXECUTION, CommandClass.UNKNOWN})


def _why_forbidden(command: SimpleCommand) -> str:
    """Why no setting may allow a command that acts on its own: this program, Atmos' own assistant, its servers."""
    words = [word for word in command.argv[1:] if word is not None]
    if command.program == "atmos":
        chosen = command.subcommands[:1]
        # Behind an option that is not known, the subcommand may be another word.
        possible = chosen if is_subcommand("atmos", chosen) else (*chosen, *words)
        if "config" in possible and _READS_CONFIGURATION.isdisjoint(words) and any(map(_CONFIGURES.fullmatch, words)):
            return "ai, mcp, commands and what brings them in are for people to set"
        return next((_FORBIDDEN_SUBCOMMANDS[word] for word in possible if word in _FORBIDDEN_SUBCOMMANDS), "")
    runs_package = command.command_class in _RUNS_CODE and any(map(_PACKAGE.fullmatch, words))
    runs_anything = command.command_class is CommandClass.CODE_EXECUTION or not is_known(command.program)
    runs_us = runs_package or (runs_anything and any(map(_NAMED.search, words)))
    return _ASSISTANT if command.program in _FORBIDDEN_PROGRAMS or runs_us else ""


@dataclass(slots=True)
class _Assessor:
    parse: Parse
    commands: list[SimpleCommand] = field(default_factory=list)
    classes: list[CommandClass] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    forbidden: str = ""
    is_open: bool = False
    level: int = 0

    def assessment(self) -> Assessment:
        if not self.commands and not self.classes:
            self.doubt("nothing that would run", CommandClass.UNKNOWN)
        self._changed_directory()
        known_paths = paths_of([command.argv for command in self.commands], self.paths)
        return Assessment(
            commands=tuple(self.commands),
            command_class=strictest([*self.classes, *(command.command_class for command in self.commands)]),
            is_open=self.is_open,
            doubts=tuple(dict.fromkeys(self.doubts)),
            forbidden=self.forbidden,
            paths=known_paths,
            redirects=tuple(self.paths),
        )

    def doubt(self, sentence: str, *classes: CommandClass) -> None:
        self.doubts.append(sentence)
        self.classes.extend(classes)

    def text(self, text: str, wrappers: Sequence[str]) -> None:
        if len(text) > MAX_LENGTH or self.level == MAX_LEVELS:
            self.doubt("more text than is looked at", CommandClass.UNKNOWN)
            self.is_open = True
            return
        if has_hidden_characters(text):
            self.doubt(_HIDDEN)
        self.level += 1
        reading = read(self.parse(text))
        self.doubts.extend(reading.doubts)
        self.classes.extend(reading.classes)
        self.is_open = self.is_open or CommandClass.UNKNOWN in reading.classes
        self.paths.extend(reading.paths)
        for words in reading.commands:
            if words:
                self.argv(words, wrappers)
        self.level -= 1

    def argv(self, words: Words, wrappers: Sequence[str]) -> None:
        name, *rest = words
        program = find_program(name)
        for doubt in program.doubts:
            self.doubt(doubt, CommandClass.UNKNOWN)
        if name in _RESERVED:
            self.doubt("a word of the shell's own where a command is expected", CommandClass.UNKNOWN)
            self.is_open = True
        if len(wrappers) > MAX_WRAPPERS:
            self.doubt("more wrappers than are looked through", CommandClass.UNKNOWN)
            self.is_open = True
            return
        wrapped = unwrap(program.name, rest)
        if wrapped is not None:
            self._wrapped(words, program.name, wrapped, wrappers)
            return
        own, runs = split_runs(program.name, rest)
        verdict = classify(own, program.spec)
        if own == ["--version"] and program.prints_version:
            verdict = Verdict(command_class=CommandClass.READ, subcommands=["--version"])
        self._add(words, program.name, wrappers, verdict)
        inner = (*wrappers, program.name)
        for run in (*runs, verdict.inner):
            if run:
                self.doubt(f"a command that {program.name} runs")
                self.argv(run, inner)

    def _wrapped(self, words: Words, program: str, wrapped: Wrapped, wrappers: Sequence[str]) -> None:
        self._add(words, program, wrappers, Verdict(command_class=wrapped.command_class))
        self.doubts.extend(wrapped.doubts)
        hides_all = None in words and not wrapped.words and wrapped.text is None
        self.is_open = self.is_open or hides_all or wrapped.command_class is CommandClass.UNKNOWN
        for assignment in wrapped.assignments:
            if not is_harmless_assignment(assignment):
                self.doubt(f"the variable {assignment.partition('=')[0]}, which is set", CommandClass.UNKNOWN)
        inner = (*wrappers, program)
        if wrapped.words:
            self.argv(wrapped.words, inner)
        if wrapped.text is not None:
            self.text(wrapped.text, inner)

    def _add(self, words: Words, program: str, wrappers: Sequence[str], verdict: Verdict) -> None:
        self.commands.append(
            SimpleCommand(
                argv=tuple(words),
                command_class=verdict.command_class,
                program=program,
                subcommands=tuple(verdict.subcommands),
                operands=tuple(verdict.operands),
                wrappers=tuple(wrappers),
            )
        )
        self.forbidden = self.forbidden or _why_forbidden(self.commands[-1])

    def _changed_directory(self) -> None:
        """A command in another folder may find other configuration there, and with git other programs to run."""
        moves = [command for command in self.commands if command.program == "cd"]
        if any(len(command.argv) != 2 or leaves_directory(command.argv[1]) for command in moves):  # noqa: PLR2004
            self.doubt("a change to a folder that cannot be told")
        if len(moves) > MAX_MOVES:
            self.doubt("more changes of the folder than are followed")
        if moves and any(command.program == "git" for command in self.commands):
            self.doubt("git in another folder, whose configuration can run commands")
