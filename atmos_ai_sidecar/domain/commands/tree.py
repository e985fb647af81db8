"""The syntax tree of a command line, free of any parser."""

from collections.abc import Callable, Sequence

from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_NESTING = 60
"""Parsers turn nodes that lie deeper into errors, so that a walk never runs out of stack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxTree:
    """A node with all its children, also the punctuation between them."""

    kind: str
    """What the grammar calls it; punctuation and keywords are called by their own text."""
    text: str
    """The characters from ``start`` to ``end`` of the whole command line."""
    start: int
    """Offset of the first character."""
    end: int
    """Offset behind the last character."""
    children: Sequence["SyntaxTree"] = ()
    """In the order of the text, never overlapping. What no child covers is blank, unless the parser skipped it."""
    is_error: bool = False
    """The parser could not make sense of it."""
    is_missing: bool = False
    """The parser invented it."""


Parse = Callable[[str], SyntaxTree]
"""Reads a command line as bash would. Total: what it cannot read becomes error nodes."""
