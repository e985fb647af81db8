"""The bash grammar of tree-sitter behind the port."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from atmos_ai_sidecar.domain.commands import MAX_NESTING, SyntaxTree

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_BEYOND_LATIN: Final = re.compile("[^\x00-\xff]")
_ANY_LETTER: Final = "\xfe"
"""The scanner of the grammar looks characters up in C's tables, which have 256 places: a character beyond them reads
memory that may not be there, and ends the process. To bash they are parts of words, as this letter is to
the grammar."""


class TreeSitterCommandParser:
    """Implements ``CommandParser``.

    The driver is imported with the first command (about 20 ms), because most runs never parse one.
    """

    def parse(self, text: str) -> SyntaxTree:
        # A lone surrogate has no bytes; "?" has the same length, and the domain doubts the text itself.
        text = text.encode(errors="replace").decode()
        encoded = _BEYOND_LATIN.sub(_ANY_LETTER, text).encode()
        source = _Source(text, encoded)
        # A parser holds state while it works: one for each call is safe under threads and costs microseconds.
        return source.convert(_new_parser().parse(encoded).root_node, MAX_NESTING)


def _new_parser() -> "Parser":
    import tree_sitter_bash  # noqa: PLC0415 - see the class
    from tree_sitter import Language, Parser  # noqa: PLC0415

    return Parser(Language(tree_sitter_bash.language()))


class _Source:
    """Turns offsets of bytes into offsets of characters."""

    def __init__(self, text: str, encoded: bytes) -> None:
        """Prepares for the offsets of ``encoded``, which has a character for each character of ``text``."""
        self._text = text
        self._offsets = None if text.isascii() else _character_offsets(encoded.decode())

    def convert(self, node: "Node", depth: int) -> SyntaxTree:
        """The node as ours; what lies deeper than ``depth`` becomes an error."""
        start, end = self._character(node.start_byte), self._character(node.end_byte)
        too_deep = depth == 0
        return SyntaxTree(
            kind=node.type,
            text=self._text[start:end],
            start=start,
            end=end,
            children=() if too_deep else tuple(self.convert(child, depth - 1) for child in node.children),
            is_error=node.is_error or too_deep,
            is_missing=node.is_missing,
        )

    def _character(self, byte: int) -> int:
        return byte if self._offsets is None else self._offsets[byte]


def _character_offsets(text: str) -> Sequence[int]:
    offsets = [index for index, character in enumerate(text) for _ in character.encode()]
    return [*offsets, len(text)]
