"""Walks the tree of a command line and collects every simple command in it.

Node kinds are allow-listed: a kind that is not named here is a doubt, and the walk goes on inside of it. The walk
also looks at what lies *between* the nodes, because a parser may skip what bash does not: every character of the
text belongs to a decoded word, to listed punctuation, or is blank.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from itertools import pairwise

from atmos_ai_sidecar.domain.commands.secrets import names_secret
from atmos_ai_sidecar.domain.commands.tables.wrappers import HARMLESS_VARIABLES
from atmos_ai_sidecar.domain.commands.tree import SyntaxTree
from atmos_ai_sidecar.domain.commands.words import CONTINUATION, decode
from atmos_ai_sidecar.domain.tools import CommandClass
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_CONTAINERS = frozenset(
    {"program", "list", "pipeline", "subshell", "compound_statement", "negated_command",
     "if_statement", "elif_clause", "else_clause"}
)  # fmt: skip
_PUNCTUATION = frozenset(
    {";", "&", "&&", "||", "|", "|&", "(", ")", "{", "}", "!", "if", "then", "elif", "else", "fi", "\n"}
)
_WORDS = frozenset({"word", "number", "raw_string", "string", "ansi_c_string", "concatenation"})
_INSIDE_WORDS = _WORDS | {"string_content", '"', "$"}
_EXPRESSIONS = frozenset({"unary_expression", "binary_expression"})
_REDIRECTS = frozenset({"file_redirect", "herestring_redirect", "heredoc_redirect"})

_BLANKS = re.compile(r"[ \t]*(?:(?<=[ \t])\\\n[ \t]*)*")
_BLANKS_AND_LINES = re.compile(r"[ \t\n]*(?:(?<=[ \t\n])\\\n[ \t\n]*)*")

_UNREADABLE = "a part that cannot be read"
_DOUBTS: Mapping[str, str] = {
    "ERROR": _UNREADABLE,
    "arithmetic_expansion": "arithmetic, which can run commands",
    "c_style_for_statement": "a loop",
    "case_statement": "a case statement",
    "command_substitution": "a command substitution",
    "declaration_command": "a declaration of variables",
    "expansion": "an expansion, whose value is not known before it runs",
    "for_statement": "a loop",
    "function_definition": "the definition of a function",
    "heredoc_redirect": "a here-document",
    "herestring_redirect": "a here-string",
    "process_substitution": "a process substitution",
    "simple_expansion": "an expansion, whose value is not known before it runs",
    "test_command": "a test, which can run commands",
    "unset_command": "variables or functions that are unset",
    "variable_assignments": "variables that are set",
    "while_statement": "a loop",
}
_SEEN_THROUGH = frozenset(
    {"command_substitution", "process_substitution", "simple_expansion", "for_statement", "while_statement",
     "case_statement", "function_definition", "herestring_redirect"}
)  # fmt: skip
"""Kinds that ask, but hide no command from the walk."""
_PARTS = frozenset({"binary_expression", "case_item", "do_group", "heredoc_body", "unary_expression"})
"""Parts of kinds that are doubts already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a command line holds."""

    commands: Sequence[Sequence[str | None]]
    """The words of every simple command, None where a word cannot be known."""
    doubts: Sequence[str]
    """What bash might read differently, or what decides only at run time."""
    classes: Sequence[CommandClass]
    """What the syntax itself does, besides its commands: files it writes, parts that nobody can vouch for."""
    paths: Sequence[str]
    """Files that redirects name."""


def read(tree: SyntaxTree) -> Reading:
    """Everything that a command line could run."""
    walk = _Walk(tree.text, tree.start)
    if tree.kind != "program":
        walk.doubt(_UNREADABLE)
    walk.statement(tree)
    return Reading(
        commands=tuple(map(tuple, walk.commands)),
        doubts=tuple(walk.doubts),
        classes=tuple(walk.classes),
        paths=tuple(walk.paths),
    )


def is_harmless_assignment(text: str) -> bool:
    """Whether ``NAME=value`` sets a variable that changes no command. The value has to be known."""
    name, equals, value = text.partition("=")
    return bool(equals) and name in HARMLESS_VARIABLES and decode(value).value is not None


@dataclass(slots=True)
class _Walk:
    text: str
    offset: int
    commands: list[list[str | None]] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    classes: list[CommandClass] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def doubt(self, sentence: str, *classes: CommandClass) -> None:
        if sentence not in self.doubts:
            self.doubts.append(sentence)
        self.classes.extend(classes)

    def statement(self, node: SyntaxTree) -> None:
        if node.is_error or node.is_missing:
            self._unlisted(node)
        elif node.kind in _CONTAINERS:
            self._container(node)
        elif node.kind == "command":
            self._command(node)
        elif node.kind == "redirected_statement":
            self._redirected(node)
        elif node.kind == "variable_assignment":
            self._assignment(node)
        elif node.kind == "test_command" and node.children[0].kind == "[":
            self.commands.append(list(self._test(node)))
        elif node.children or node.kind not in _PUNCTUATION:
            self._unlisted(node)

    def _unlisted(self, node: SyntaxTree) -> None:
        """A part that asks; whatever runs inside of it is still collected."""
        broken = node.is_error or node.is_missing
        if self.doubts and node.kind in _PARTS and not broken:
            self._inside(node)
            return
        known = node.kind in _SEEN_THROUGH and not broken
        sentence = _UNREADABLE if broken else _DOUBTS.get(node.kind, f"syntax that is not vouched for ({node.kind})")
        self.doubt(sentence, *([] if known else [CommandClass.UNKNOWN]))
        self._inside(node)

    def _inside(self, node: SyntaxTree) -> None:
        for child in node.children:
            if child.kind in _REDIRECTS and not child.is_error:
                self._redirect(child)
            elif child.children or child.is_error or child.is_missing:
                self._inside(child) if child.kind in _INSIDE_WORDS else self.statement(child)

    def _container(self, node: SyntaxTree) -> None:
        self._gaps(node, _BLANKS_AND_LINES)
        previous: SyntaxTree | None = None
        for child in node.children:
            if previous is not None:
                self._separation(previous, child)
            if child.kind != "comment":
                self.statement(child)
            elif "\n" in child.text:
                self.doubt(_UNREADABLE, CommandClass.UNKNOWN)
            previous = child

    def _separation(self, left: SyntaxTree, right: SyntaxTree) -> None:
        """Two statements, or a comment and what follows, stand on lines of their own."""
        gap = self._between(left.end, right.start)
        follows = {left.kind, right.kind} & _PUNCTUATION
        if (left.kind == "comment" or not follows) and right.kind != "comment" and "\n" not in gap:
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)
        if right.kind == "comment" and not gap and left.kind not in _PUNCTUATION:
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)

    def _gaps(self, node: SyntaxTree, pattern: re.Pattern[str]) -> None:
        """What lies between the children, and before and behind them, has to be blank."""
        edges = [node.start, *(edge for child in node.children for edge in (child.start, child.end)), node.end]
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            gap = self._between(start, end)
            if gap and pattern.fullmatch(gap) is None:
                self.doubt(CONTINUATION if "\\" in gap else _UNREADABLE, CommandClass.UNKNOWN)

    def _between(self, start: int, end: int) -> str:
        return self.text[start - self.offset : end - self.offset]

    def _command(self, node: SyntaxTree) -> list[str | None]:
        self._gaps(node, _BLANKS)
        words: list[str | None] = []
        self.commands.append(words)
        self._apart(node.children)
        for child in node.children:
            if child.kind == "variable_assignment":
                self._assignment(child)
            elif child.kind in _REDIRECTS:
                words.extend(self._redirect(child))
            else:
                words.append(self._word(child))
        return words

    def _apart(self, nodes: Sequence[SyntaxTree]) -> None:
        """Words that touch what stands before them belong to it for bash. A redirect may touch a word."""
        if any(left.end == right.start and right.kind not in _REDIRECTS for left, right in pairwise(nodes)):
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)

    def _test(self, node: SyntaxTree) -> Iterator[str | None]:
        """The words of ``[ … ]``, which the grammar sorts into expressions. ``[[ … ]]`` is not vouched for."""
        self._gaps(node, _BLANKS)
        self._apart(node.children)
        for child in node.children:
            if child.kind in _EXPRESSIONS:
                yield from self._test(child)
            elif child.kind in _WORDS or child.children or child.is_missing or child.is_error:
                yield self._word(child)
            else:
                word = decode(child.text)
                if word.doubt:
                    self.doubt(word.doubt)
                yield word.value

    def _word(self, node: SyntaxTree) -> str | None:
        """The value of a word when the parser and our own decoder agree that it has one."""
        word = decode(node.text)
        if word.doubt:
            self.doubt(word.doubt)
        if self._is_literal(node):
            return word.value
        if node.kind in _INSIDE_WORDS or node.kind == "command_name":
            self._inside(node)
        else:
            self.statement(node)
        if not word.doubt:
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)
        return None

    def _is_literal(self, node: SyntaxTree) -> bool:
        if node.is_error or node.is_missing or node.kind not in _INSIDE_WORDS | {"command_name"}:
            return False
        return all(map(self._is_literal, node.children))

    def _assignment(self, node: SyntaxTree) -> None:
        if not is_harmless_assignment(node.text):
            name = node.text.partition("=")[0]
            self.doubt(
                f"the variable {name}, which is set" if name.isidentifier() else "a variable", CommandClass.UNKNOWN
            )
        self._inside(node)

    def _redirected(self, node: SyntaxTree) -> None:
        self._gaps(node, _BLANKS)
        words: list[str | None] | None = None
        for child in node.children:
            if child.kind == "command":
                words = self._command(child)
            elif child.kind in _REDIRECTS:
                self._more_words(words, self._redirect(child))
            else:
                self.statement(child)

    def _more_words(self, words: list[str | None] | None, more: Sequence[str | None]) -> None:
        """Words behind a redirect belong to its command: ``find . >/dev/null -delete``."""
        if words is not None:
            words.extend(more)
        elif more:
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)

    def _redirect(self, node: SyntaxTree) -> Sequence[str | None]:
        """Looks at a redirect; gives the words that the grammar put behind its file."""
        parts = [child for child in node.children if child.kind != "file_descriptor"]
        if node.is_error or node.is_missing or node.kind != "file_redirect" or not parts:
            self._unlisted(node)
            return ()
        self._gaps(node, _BLANKS)
        before = self._between(self.offset, node.start)[-1:]
        if len(parts) < len(node.children) and (
            (before and before not in " \t\n;&|()") or not node.children[0].text.isdigit()
        ):
            # What looks like a descriptor is the end of a word.
            self.doubt(_UNREADABLE, CommandClass.UNKNOWN)
        operator, targets = parts[0], parts[1:]
        self._apart(targets)
        if not targets:
            if operator.kind not in {">&-", "<&-"}:
                self.doubt(_UNREADABLE, CommandClass.UNKNOWN)
            return ()
        target, *more = map(self._word, targets)
        is_copy = operator.kind in {">&", "<&"} and target is not None and target.isdigit()
        if not is_copy and target != "/dev/null":
            self._file(operator.kind, target)
        return more

    def _file(self, operator: str, target: str | None) -> None:
        reads = operator == "<"
        self.doubt("a file that is read by a redirect" if reads else "a redirect to a file")
        self.classes.append(CommandClass.READ if reads else CommandClass.MUTATE)
        if target is None:
            self.classes.append(CommandClass.UNKNOWN)
        else:
            self.paths.append(target)
            if names_secret(target):
                self.classes.append(CommandClass.SECRET_READ)
