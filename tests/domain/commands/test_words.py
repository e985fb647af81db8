import pytest

from atmos_ai_sidecar.domain.commands.words import (
    CONTINUATION,
    ESCAPE,
    EXPANSION,
    PATTERN,
    STRAY,
    SUBSTITUTION,
    decode,
    has_hidden_characters,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rm", "rm"),
        ("r\\m", "rm"),
        ("'r'm", "rm"),
        ("r''m", "rm"),
        ('"r"m', "rm"),
        ("$'rm'", "rm"),
        ("$'\\x72\\155'", "rm"),
        ("$'\\u0072\\U0000006d'", "rm"),
        ("$'a\\tb\\n\\'\\\\'", "a\tb\n'\\"),
        ("'a b'", "a b"),
        ("a\\ b", "a b"),
        ('"a\\"b\\\\c\\$d\\`e"', 'a"b\\c$d`e'),
        ('"a\\b"', "a\\b"),
        ("'\\'", "\\"),
        ("'*'", "*"),
        ("\\*", "*"),
        ('"{a,b}"', "{a,b}"),
        ("{}", "{}"),
        ("HEAD@{1}", "HEAD@{1}"),
        ("[", "["),
        ("a$", "a$"),
        ('"a$"', "a$"),
        ("a$/b", "a$/b"),
        ("~", "~"),
        ("~/x", "~/x"),
        ("x~", "x~"),
        ("'~root'", "~root"),
        ("é", "é"),
        ('""', ""),
        ("a#b", "a#b"),
        ("!x", "!x"),
    ],
)
def test_a_word_is_decoded_as_bash_does(text: str, value: str) -> None:
    assert decode(text).value == value


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("$x", EXPANSION),
        ("${x}", EXPANSION),
        ('"$x"', EXPANSION),
        ('"a$?"', EXPANSION),
        ("$[1]", EXPANSION),
        ('$"x"', EXPANSION),
        ("a=~", EXPANSION),
        ("~root", EXPANSION),
        ("~+", EXPANSION),
        ("$(x)", SUBSTITUTION),
        ("`x`", SUBSTITUTION),
        ('"$(x)"', SUBSTITUTION),
        ('"`x`"', SUBSTITUTION),
        ("*", PATTERN),
        ("a?", PATTERN),
        ("[ab]", PATTERN),
        ('["a"]', PATTERN),
        ("{a,b}", PATTERN),
        ("{'a','b'}", PATTERN),
        ("{1..3}", PATTERN),
        ("a\\\nb", CONTINUATION),
        ('"a\\\nb"', CONTINUATION),
        ("$'\\0'", ESCAPE),
        ("$'\\xff'", ESCAPE),
        ("$'\\x'", ESCAPE),
        ("$'\\q'", ESCAPE),
        ("$'\\cA'", ESCAPE),
        ("$'\\u00e9'", ESCAPE),
        ("a b", STRAY),
        ("a;b", STRAY),
        ("a>b", STRAY),
        ("'a", STRAY),
        ('"a', STRAY),
        ("a\\", STRAY),
    ],
)
def test_a_word_that_bash_computes_is_unknown_with_its_reason(text: str, doubt: str) -> None:
    word = decode(text)

    assert (word.value, word.doubt) == (None, doubt)


@pytest.mark.parametrize(
    "text", ["\x00", "\x1b[2K", "\r", "\x7f", "\u200b", "\u202e", "\u00a0", "\u2028", "\ud800", "\ue000"]
)
def test_control_format_and_unusual_blank_characters_are_hidden(text: str) -> None:
    assert has_hidden_characters(f"ls {text}")


def test_letters_of_any_language_and_usual_blanks_are_not_hidden() -> None:
    assert not has_hidden_characters("ls\t'größe 東京'\n\U0001f600")
