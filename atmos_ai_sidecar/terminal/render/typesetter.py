"""Markdown set by Rich for one terminal. Import it late: Rich takes a tenth of a second."""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from markdown_it.token import Token
from rich.color import ColorType
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, TableElement
from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

from atmos_ai_sidecar.terminal.render.markdown_stream import Block, markdown_parser
from atmos_ai_sidecar.terminal.render.palette import visible

_CODE_THEME = "ansi_dark"
_THEME = Theme({"markdown.code": "cyan", "markdown.link_url": "underline", "markdown.block_quote": "dim"})
_COLORS = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "gray")

NARROWEST_COLUMN = 8

Fragments = list[tuple[str, str]]
"""Styled pieces of one row, as prompt_toolkit takes them."""


class _Code(CodeBlock):
    """Code without padding, so that slices of a long block join."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        code = str(self.text).rstrip("\n")
        yield Syntax(code, self.lexer_name, theme=self.theme, word_wrap=True, padding=0, background_color="default")


class _Heading(Heading):
    """A heading on the left, without a box."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        self.text.stylize("bold underline" if self.tag == "h1" else "bold")
        yield self.text


class _Table(TableElement):
    """A table that loses nothing: cells wrap, and where columns would get too narrow each cell has its own line."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        heads = self.header.row.cells if self.header is not None and self.header.row is not None else []
        if len(heads) * NARROWEST_COLUMN > options.max_width:
            yield from self._records([head.content for head in heads])
            return
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                for column in table.columns:
                    column.overflow = "fold"
            yield table

    def _records(self, heads: Sequence[Text]) -> Iterator[Text]:
        for number, row in enumerate(self.body.rows if self.body is not None else []):
            if number:
                yield Text()
            for head, cell in zip(heads, row.cells, strict=False):
                yield Text.assemble((head.plain, "bold"), ": ", cell.content, overflow="fold")


class _Markdown(Markdown):
    elements = {  # noqa: RUF012 - a ClassVar there
        **Markdown.elements,
        "fence": _Code,
        "code_block": _Code,
        "heading_open": _Heading,
        "table_open": _Table,
    }


class Typesetter:
    """Sets Markdown for one terminal; shares nothing with another one and never looks at this process's own."""

    def __init__(self, *, columns: int, has_colors: bool) -> None:
        self._console = Console(
            file=StringIO(),
            force_terminal=True,
            width=max(columns, 10),
            height=24,
            color_system="standard" if has_colors else None,
            no_color=not has_colors,
            legacy_windows=False,
            highlight=False,
            theme=_THEME,
            _environ={},
        )
        self._has_colors = has_colors
        # One for all blocks: each new one would make a parser of its own, which costs more than setting a paragraph.
        self._markdown = _Markdown("", code_theme=_CODE_THEME, hyperlinks=False)

    def text(self, blocks: Iterable[Block]) -> str:
        """The blocks as lines with colours, a blank line between two of them and none at the end."""
        pieces: list[str] = []
        for block in blocks:
            for number, tokens in enumerate(_top_level(block.tokens)):
                is_joined = not pieces or (block.continues and number == 0)
                pieces.append(("" if is_joined else "\n") + self._set(tokens))
        return "".join(pieces)

    def markdown(self, source: str) -> str:
        """A whole text as lines with colours."""
        return self.text([Block(tokens=markdown_parser().parse(visible(source)))])

    def code(self, text: str, language: str, *, indent: int = 0) -> list[str]:
        """Code of a language as lines with colours that fit beside an indent; an unknown language has no colours."""
        options = self._console.options.update(width=max(self._console.width - indent, 10))
        syntax = Syntax(text, language or "text", theme=_CODE_THEME, word_wrap=True, background_color="default")
        return [self._row(line) for line in self._console.render_lines(syntax, options, pad=False)]

    def rows(self, block: Block, limit: int) -> list[Fragments]:
        """The last rows of a block, at most ``limit``."""
        rows: list[Fragments] = []
        for tokens in _top_level(block.tokens):
            lines = self._lines(tokens)
            rows += [[]] if rows and lines else []
            rows += [self._fragments(line) for line in lines[-limit:]]
        return rows[-limit:]

    def _set(self, tokens: Sequence[Token]) -> str:
        return "".join(self._row(line) + "\n" for line in self._lines(tokens))

    def _lines(self, tokens: Sequence[Token]) -> list[list[Segment]]:
        self._markdown.parsed = list(tokens)
        return _trimmed(self._console.render_lines(self._markdown, self._console.options, pad=False))

    def _fragments(self, line: Sequence[Segment]) -> Fragments:
        """One row without the blanks at its end: a terminal that gets narrower would wrap them."""
        fragments = [(self._style(segment.style), segment.text) for segment in line]
        while fragments and not fragments[-1][1].rstrip():
            fragments.pop()
        if fragments:
            fragments[-1] = (fragments[-1][0], fragments[-1][1].rstrip())
        return fragments

    def _row(self, line: Sequence[Segment]) -> str:
        system = self._console._color_system if self._has_colors else None  # noqa: SLF001 - has no other name
        return "".join(
            (segment.style or Style.null()).render(segment.text, color_system=system)
            if self._has_colors
            else segment.text
            for segment in line
        ).rstrip(" ")

    def _style(self, style: Style | None) -> str:
        if style is None:
            return ""
        names = [name for name in ("bold", "dim", "italic", "underline", "reverse", "strike") if getattr(style, name)]
        if style.color is not None and style.color.type is ColorType.STANDARD and style.color.number is not None:
            bright, number = divmod(style.color.number, 8)
            names.append(f"fg:ansi{_bright(number) if bright else _COLORS[number]}")
        return " ".join(names)


def _bright(number: int) -> str:
    return "white" if number == len(_COLORS) - 1 else f"bright{_COLORS[number]}"


def _top_level(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """The tokens of each top-level block."""
    start = 0
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            yield tokens[start : index + 1]
            start = index + 1


def _trimmed(lines: list[list[Segment]]) -> list[list[Segment]]:
    """The lines without blank ones at both ends."""

    def is_blank(line: list[Segment]) -> bool:
        return not "".join(segment.text for segment in line).strip()

    while lines and is_blank(lines[-1]):
        lines = lines[:-1]
    while lines and is_blank(lines[0]):
        lines = lines[1:]
    return lines
