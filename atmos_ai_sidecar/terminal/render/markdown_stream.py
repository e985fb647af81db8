"""Markdown that arrives in pieces: what can no longer change leaves once, the rest is drawn again.

Only whole lines decide. A top-level block of CommonMark is closed for good when another one begins on a later whole
line, so everything before the last block is final; the next parse starts there. Link definitions are remembered
across parses. A code block or list that grows long leaves in slices, and so does any other block that nothing ends,
so that the cost of a delta stays flat.
"""

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal.render.palette import visible

SLICE_LINES = 30
MAX_TAIL = 4000
"""Characters of a block that is parsed again and again; a longer one is broken where a line or a word ends."""
_UNDECIDED = "\r\u200c\u200d"
"""A carriage return may belong to a line end, a joiner to two characters."""
_LISTS = {"bullet_list_open", "ordered_list_open"}

_REPEATED_LINES = {"fence": 1, "table_open": 2}
"""Lines that say what a block is, so that the rest of one needs them too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One or more top-level blocks, ready to be set."""

    tokens: Sequence[Token]
    continues: bool = False
    """It goes on where the last one ended, without a blank line between."""


def markdown_parser() -> MarkdownIt:
    """CommonMark with tables and strike-through; HTML is text like any other and never vanishes."""
    # A definition of a link may come after what it would change, which is in the scrollback by then: it stays text.
    parser = MarkdownIt("commonmark", {"html": False}).enable(["strikethrough", "table"]).disable("reference")
    parser.core.ruler.push("empty items", _fill_empty_items)
    return parser


def _fill_empty_items(state: StateCore) -> None:
    """Gives items without a text one: they would not be drawn, and `3.` may be the whole answer."""
    filled: list[Token] = []
    for token in state.tokens:
        if token.type == "list_item_close" and filled[-1].type == "list_item_open":
            filled += _blank_paragraph(filled[-1])
        filled.append(token)
    state.tokens = filled


def _blank_paragraph(item: Token) -> list[Token]:
    tokens = [
        Token("paragraph_open", "p", 1),
        Token("inline", "", 0, content=" ", children=[Token("text", "", 0, content=" ")]),
        Token("paragraph_close", "p", -1),
    ]
    for token in tokens:
        token.map, token.level, token.block, token.hidden = item.map, item.level + 1, True, True
    return tokens


class MarkdownStream:
    """Feed it deltas; take finished blocks out as often as a frame is drawn."""

    def __init__(self) -> None:
        self._parser = markdown_parser()
        self._references: dict[str, Any] = {}
        self._source = ""
        self._held = ""
        self._parsed_length = -1
        self._continues = False
        self.has_given = False
        """Some block was taken out."""

    def feed(self, text: str) -> None:
        """Takes more of the text; what only its neighbours decide on waits for the next piece."""
        text = self._held + text
        end = len(text.rstrip(_UNDECIDED))
        text, self._held = text[:end], text[end:]
        before = self._source[-1:]
        self._source += visible(before + text)[len(before) :]

    def take_finished(self) -> Sequence[Block]:
        """The blocks that can no longer change, each exactly once and in order."""
        blocks: list[Block] = []
        while (block := self._next_finished()) is not None:
            blocks.append(block)
        self.has_given = self.has_given or bool(blocks)
        return blocks

    def tail(self) -> Block | None:
        """What is left, as it would look if nothing more came."""
        tokens = self._parse(self._source)
        return Block(tokens=tokens, continues=self._continues) if tokens else None

    def finish(self) -> Sequence[Block]:
        """All that is left; the stream is empty and new afterwards."""
        self._source += visible(self._held)
        blocks = [*self.take_finished()]
        tail = self.tail()
        self.__init__()  # type: ignore[misc]  # a stream without past
        return [*blocks, tail] if tail else blocks

    def _next_finished(self) -> Block | None:
        length = self._source.rfind("\n") + 1
        if len(self._source) - length > MAX_TAIL:  # a line without an end
            return self._piece(self._parse(self._source))
        if length == self._parsed_length:
            return None
        self._parsed_length = length
        tokens = self._parse(self._source[:length])
        starts = [index for index, token in enumerate(tokens) if token.level == 0 and token.nesting >= 0 and token.map]
        if not starts:
            return None
        if len(starts) == 1:
            return self._slice(tokens) or self._piece(tokens)
        return self._cut(tokens[: starts[-1]], _first_line(tokens[starts[-1]]))

    def _slice(self, tokens: Sequence[Token]) -> Block | None:
        first = tokens[0]
        if first.type == "fence":
            return self._slice_of_fence(first)
        if first.type in _LISTS:
            items = [i for i, token in enumerate(tokens) if token.type == "list_item_open" and token.level == 1]
            if len(items) > 1 and _first_line(tokens[items[-1]]) > SLICE_LINES:
                return self._cut(tokens[: items[-1]], _first_line(tokens[items[-1]]), closing=tokens[-1])
        return None

    def _slice_of_fence(self, fence: Token) -> Block | None:
        lines = fence.content.split("\n")
        source_lines = self._source.split("\n")
        opening = _first_line(fence)
        if len(lines) <= SLICE_LINES or opening + len(lines) > len(source_lines):
            return None
        count = len(lines) - 2
        head = fence.copy(content="\n".join(lines[:count]) + "\n")
        block = Block(tokens=(head,), continues=self._continues)
        self._replace_source([source_lines[opening], *source_lines[opening + 1 + count :]], continues=True)
        return block

    def _piece(self, tokens: Sequence[Token]) -> Block | None:
        """The beginning of a block that has grown too long; the rest goes on as a block of the same kind."""
        if len(self._source) <= MAX_TAIL or not tokens:
            return None
        breaks = (self._source.rfind(mark, MAX_TAIL // 2, MAX_TAIL) + 1 for mark in ("\n", " "))
        end = next((found for found in breaks if found), MAX_TAIL)
        head, rest = self._source[:end], self._source[end:]
        block = Block(tokens=tuple(self._parse(head)), continues=self._continues)
        repeated = _REPEATED_LINES.get(tokens[0].type, 0)
        opening = self._source.split("\n", repeated)[:repeated]
        is_short = sum(map(len, opening)) < MAX_TAIL // 4  # so that each piece takes something away
        self._replace_source([*(opening if is_short else []), *rest.split("\n")], continues=True)
        return block

    def _cut(self, tokens: Sequence[Token], line: int, closing: Token | None = None) -> Block:
        block = Block(tokens=(*tokens, closing) if closing else tuple(tokens), continues=self._continues)
        self._replace_source(self._source.split("\n")[line:], continues=closing is not None)
        return block

    def _replace_source(self, lines: Sequence[str], *, continues: bool) -> None:
        self._source = "\n".join(lines)
        self._continues = continues
        self._parsed_length = -1

    def _parse(self, source: str) -> Sequence[Token]:
        return self._parser.parse(source, self._references)


def _first_line(token: Token) -> int:
    return token.map[0] if token.map else 0
