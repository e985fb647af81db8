import itertools
import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atmos_ai_sidecar.terminal.render.markdown_stream import MAX_TAIL, SLICE_LINES, Block, MarkdownStream
from atmos_ai_sidecar.terminal.render.typesetter import Typesetter

EVERYTHING = """# Heading

A paragraph with **bold**, `code`, ~~struck~~, a [link](http://example.com/a) and <stack> in it,
which goes on for long enough to be wrapped on a narrow screen.

Setext
------

1. one

2. two
   - nested

     deeper
- other list

| stack | cidr |
|-------|------|
| dev   | 10.10.0.0/16 |

```hcl
resource "aws_vpc" "this" {
  cidr_block = "10.20.0.0/16"
}
```
> quoted
> lines

---

    indented code

See [the docs][docs].

[docs]: http://example.com/docs

Then [again][docs].
"""
WIDE = Typesetter(columns=72, has_colors=True)
_LINES = st.sampled_from(
    ["# h", "text", "more *text*", "", "", "- item", "  - inner", "1. one", "2. two", "> quote", "```yaml", "```",
     "    code", "|a|b|", "|-|-|", "|1|2|", "---", "===", "#no heading", "[r]: http://x", "[r]", "<b>", "~~~", "\\*",
     "1", "-", "  "]
)  # fmt: skip


def streamed(source: str, cuts: list[int]) -> list[Block]:
    stream, blocks = MarkdownStream(), list[Block]()
    places = [0, *sorted(cut % (len(source) + 1) for cut in cuts), len(source)]
    for start, end in itertools.pairwise(places):
        stream.feed(source[start:end])
        blocks += stream.take_finished()
    return [*blocks, *stream.finish()]


def test_a_stream_looks_as_the_whole_does_however_it_is_cut() -> None:
    whole = WIDE.markdown(EVERYTHING)
    letters = list(range(len(EVERYTHING)))
    assert WIDE.text(streamed(EVERYTHING, letters)) == whole
    for seed in range(30):
        cuts = random.Random(seed).sample(letters, 25)
        assert WIDE.text(streamed(EVERYTHING, cuts)) == whole


@settings(max_examples=150, deadline=None)
@given(lines=st.lists(_LINES, max_size=12), cuts=st.lists(st.integers(0, 500), max_size=8))
def test_what_was_given_never_changes_whatever_follows(lines: list[str], cuts: list[int]) -> None:
    source = "\n".join(lines)
    assert WIDE.text(streamed(source, cuts)) == WIDE.text(streamed(source, []))


def test_finished_blocks_leave_once_and_the_last_one_stays() -> None:
    stream = MarkdownStream()
    stream.feed("one\n\ntwo\n\nthr")
    assert WIDE.text(stream.take_finished()) == "one\n"
    assert stream.take_finished() == []
    tail = stream.tail()
    assert tail is not None
    assert "".join(text for row in WIDE.rows(tail, 9) for _, text in row) == "twothr"


def test_an_unfinished_line_decides_nothing() -> None:
    stream = MarkdownStream()
    stream.feed("paragraph\n\n1. one\n\n2")
    stream.take_finished()
    stream.feed(". two\n")
    plain = Typesetter(columns=72, has_colors=False)
    assert plain.text(stream.finish()) == " 1 one\n 2 two\n"


@pytest.mark.parametrize("opening", ["```yaml\n", "~~~\n", "````text\n"])
def test_a_long_code_block_leaves_in_slices_that_join(opening: str) -> None:
    lines = [f"key_{number}: {number}" for number in range(SLICE_LINES * 4)]
    source = opening + "\n".join(lines) + "\n" + opening.rstrip("abcdefghijklmnopqrstuvwxyz\n") + "\n\nafter\n"
    stream, early = MarkdownStream(), list[Block]()
    for number in range(0, len(source), 7):
        stream.feed(source[number : number + 7])
        early += stream.take_finished()
    assert len(early) >= 3
    plain = Typesetter(columns=72, has_colors=False)
    assert plain.text([*early, *stream.finish()]) == "\n".join(lines) + "\n\nafter\n"


def test_a_long_list_leaves_in_slices_that_join() -> None:
    items = [f"- item {number}" for number in range(SLICE_LINES * 3)]
    stream, early = MarkdownStream(), list[Block]()
    for item in items:
        stream.feed(item + "\n")
        early += stream.take_finished()
    plain = Typesetter(columns=72, has_colors=False)
    assert len(early) >= 2
    assert plain.text([*early, *stream.finish()]) == "".join(f" • item {n}\n" for n in range(SLICE_LINES * 3))


@pytest.mark.parametrize(
    ("source", "shown"),
    [("3.", " 3\n"), ("-", " •\n"), ("- a\n-\n- b", " • a\n •\n • b\n"), ("1.\n2. x", " 1\n 2 x\n")],
)
def test_an_item_without_a_text_does_not_vanish(source: str, shown: str) -> None:
    assert Typesetter(columns=40, has_colors=False).markdown(source) == shown


def test_text_that_looks_like_html_does_not_vanish() -> None:
    assert "<component> and <!-- comment -->" in Typesetter(columns=72, has_colors=False).markdown(
        "use <component> and <!-- comment -->\n"
    )


def test_control_characters_are_spelled_out() -> None:
    typesetter = Typesetter(columns=72, has_colors=False)
    set_text = typesetter.markdown("a\x1b]0;t\x07b\u202ec `\x9b2J`\n\n```\n\x1b[31m\n```\n")
    assert set_text == "a\\x1b]0;t\\x07b<U+202E>c \\x9b2J\n\n\\x1b[31m\n"


def test_no_line_is_wider_than_the_screen() -> None:
    for width in (10, 20, 40):
        lines = Typesetter(columns=width, has_colors=False).markdown(EVERYTHING).split("\n")
        assert max(len(line) for line in lines) <= width


def test_the_cost_of_a_delta_does_not_grow_with_what_was_said() -> None:
    stream, lengths = MarkdownStream(), list[int]()
    for number in range(300):
        stream.feed(f"paragraph {number}\n\n- a\n- b\n\n")
        stream.take_finished()
        lengths.append(len(stream._source))
    assert max(lengths) < 100


@pytest.mark.parametrize(
    ("opening", "piece"),
    [
        ("", "word "),
        ("", "x"),
        ("> ", "quoted words\n> "),
        ("| a | b |\n|---|---|\n", "| one | two |\n"),
        ("```json\n", "1234567890, "),
        ("```" + "y" * 5000 + "\n", "line\n"),
        ("- item\n", "  - inner item\n"),
    ],
)
def test_a_block_that_never_ends_leaves_in_pieces_and_loses_nothing(opening: str, piece: str) -> None:
    stream, blocks = MarkdownStream(), list[Block]()
    source = opening + piece * (20_000 // len(piece))
    for start in range(0, len(source), 500):
        stream.feed(source[start : start + 500])
        blocks += stream.take_finished()
        assert len(stream._source) < 3 * MAX_TAIL
    plain = Typesetter(columns=72, has_colors=False)
    shown = plain.text([*blocks, *stream.finish()])
    word = piece.strip("-|> \n,")[:4]
    assert shown.replace("\n", "").count(word) == source.count(word)


def test_what_only_neighbours_decide_on_is_the_same_however_it_is_cut() -> None:
    source = "one\r\ntwo 👨‍👩‍👧 می‌خواهم a\u200db\r\n\r\n- x\r\n- y\r"
    whole = WIDE.text(streamed(source, []))
    assert WIDE.text(streamed(source, list(range(len(source))))) == whole
    assert "👨‍👩‍👧 می‌خواهم a<U+200D>b" in whole
    assert whole.count("\\x0d") == 1


def test_a_table_that_does_not_fit_loses_nothing() -> None:
    value = "0123456789" * 12
    source = f"| name | value | owner |\n|-|-|-|\n| vpc | {value} | me |\n| db | y | you |\n"
    wide = Typesetter(columns=40, has_colors=False).markdown(source)
    assert re.sub(r"[^0-9]", "", wide) == value
    assert "…" not in wide
    narrow = Typesetter(columns=19, has_colors=False).markdown(source)
    assert narrow.startswith("name: vpc\nvalue:\n0")
    assert narrow.endswith("owner: me\n\nname: db\nvalue: y\nowner: you\n")
    assert all(len(line) <= 19 for line in narrow.splitlines())
