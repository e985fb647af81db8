import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys

from atmos_ai_sidecar.terminal.chat.key_reader import PASTE_LENGTH, KeyReader

PASTE, END, CTRL_C = "\x1b[200~", "\x1b[201~", "\x03"
LINES = "\r".join(f"line {number}" for number in range(PASTE_LENGTH))


def words(keys: Sequence[KeyPress]) -> list[str]:
    """What was typed as it is, pastes in brackets, other keys by their names."""
    return [
        f"[{key.data}]" if key.key is Keys.BracketedPaste else str(getattr(key.key, "value", key.key)) for key in keys
    ]


def typed(*pieces: str) -> list[str]:
    reader, keys = KeyReader(), list[KeyPress]()
    for piece in pieces:
        keys += reader.feed(piece, now=0)
    return words([*keys, *reader.flush()])


@pytest.mark.parametrize(
    ("pieces", "keys"),
    [
        (["a\rb"], ["a", "c-m", "b"]),
        (["\x1b[A\x1bOA\x1b[1;5C"], ["up", "up", "c-right"]),
        (["\x1b"], ["escape"]),
        (["\x1b[1;99Px"], ["x"]),
        (["\x1b[?1;2cx", "\x1b]11;rgb:0/0/0\x07y", "\x1bP1$r0m\x1b\\z", "\x1bOy"], ["x", "y", "z"]),
        (["\x1b[13;2u", "\x1b[27;2;13~", "\x1b[13;5u"], ["c-j", "c-j", "c-j"]),
        (["\x1b[1;", "5C"], ["c-right"]),
        ([f"a{PASTE}b\rc{END}d"], ["a", "[b\rc]", "d"]),
        ([PASTE, "b", END], ["[b]"]),
        ([END, "x"], ["x"]),
        ([f"{PASTE}{PASTE}{END}"], [f"[{PASTE}]"]),
        (
            [f"first question\rsecond question\r{' ' * 5}"[:40]],
            [*"first question", "c-m", *"second question", "c-m", *" " * 5],
        ),
    ],
)
def test_what_a_terminal_sends_becomes_keys(pieces: list[str], keys: list[str]) -> None:
    assert typed(*pieces) == keys


@given(st.text(alphabet="ab\r\n\x1b[2~01", max_size=60), st.lists(st.integers(1, 80)))
def test_a_paste_is_one_key_however_it_is_cut(text: str, cuts: list[int]) -> None:
    text = text.replace(END, "")
    source = f"{PASTE}{text}{END}x"
    if source.index(END) != len(PASTE + text):
        return
    edges = sorted({0, *(cut for cut in cuts if cut < len(source)), len(source)})
    pieces = [source[start:end] for start, end in itertools.pairwise(edges)]
    assert typed(*pieces) == [f"[{text}]", "x"]


@pytest.mark.parametrize("key", [CTRL_C, "\x04"])
def test_a_paste_without_end_is_left_with_the_keys_that_leave(key: str) -> None:
    reader = KeyReader()
    assert reader.feed(f"{PASTE}half", now=0) == []
    assert words(reader.feed(key, now=0.1)) == ["[half]", "c-c" if key == CTRL_C else "c-d"]


def test_a_paste_without_end_ends_when_somebody_types_again() -> None:
    reader = KeyReader()
    reader.feed(f"{PASTE}half", now=0)
    assert reader.feed("x", now=0.9) == []
    assert words(reader.feed("y", now=2)) == ["[halfx]", "y"]


def test_a_slow_paste_goes_on() -> None:
    reader = KeyReader()
    reader.feed(f"{PASTE}half", now=0)
    assert words(reader.feed(f"and half{END}", now=30)) == ["[halfand half]"]


def test_lines_that_come_at_once_are_a_paste_without_marks() -> None:
    reader = KeyReader()
    assert reader.feed(LINES, now=0) == []
    assert reader.is_bursting
    assert reader.feed("\rtail\r", now=0.01) == []
    assert words(reader.end_burst()) == [f"[{LINES}\rtail\r]"]
    assert not reader.is_bursting
    assert words(reader.feed("\r", now=1)) == ["c-m"]


@pytest.mark.parametrize("text", ["x" * 5000 + "\r", "x" * 5000 + "\r\n", "short\rlines\r"])
def test_one_line_or_few_characters_are_typed(text: str) -> None:
    reader = KeyReader()
    assert len(reader.feed(text, now=0)) == len(text)
    assert not reader.is_bursting
