"""Ways to write the same command, or to put it into another one, that must never turn a question into a yes."""

import re
import shlex
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess
from tests.corpus import read_commands

PARSE = TreeSitterCommandParser().parse
CAN_BE_COMPLETED = {"nothing to run", "what is left of a broken text"}
ASKS = [row.command for row in read_commands() if not row.is_allowed and row.why not in CAN_BE_COMPLETED]

Change = Callable[[str], str]

SPACES: list[Change] = [
    lambda text: f"  {text}",
    lambda text: f"\t{text} ",
    lambda text: f"\n{text}\n",
    lambda text: text.replace(" ", "  "),
    lambda text: text.replace(" ", "\t"),
    lambda text: text.replace(" ", " \\\n "),
]
WRAPS: list[Change] = [
    *(
        (lambda text, prefix=prefix: f"{prefix} {text}")
        for prefix in (
            "env", "env A=1", "env LANG=C", "sudo", "doas", "command", "builtin", "exec", "nice", "nice -n 5", "nohup",
            "time", "timeout 5", "stdbuf -oL", "setsid", "xargs", "busybox", "find . -exec", "!", "LC_ALL=C", "A=1",
            "ls |", "ls &&", "ls ||", "ls;", "ls &", "ls\n", "ls >/dev/null;", "if true; then ls; fi;", "test -f a &&",
        )
    ),
    *(
        (lambda text, suffix=suffix: f"{text} {suffix}")
        for suffix in ("| cat", "&& ls", "|| true", "; ls", "& ls", "\nls", ">/dev/null", "2>&1", "&", "# comment")
    ),
    lambda text: f"({text})",
    lambda text: f"{{ {text}; }}",
    lambda text: f"{{ {text}\n}}",
    lambda text: f"if {text}; then ls; fi",
    lambda text: f"if true; then {text}; fi",
    lambda text: f"if true; then ls; else\n{text}\nfi",
    lambda text: f"echo $({text})",
    lambda text: f"echo `{text}`",
    lambda text: f"bash -c {shlex.quote(text)}",
    lambda text: f"sh -c {shlex.quote(text)}",
    lambda text: f"eval {shlex.quote(text)}",
    lambda text: f"timeout 5 bash -c {shlex.quote(text)}",
]  # fmt: skip
FIRST_WORD = re.compile(r"[a-z]+(?=[ ]|$)")


def first_word(change: Change) -> Change:
    return lambda text: FIRST_WORD.sub(lambda word: change(word[0]), text, count=1) if FIRST_WORD.match(text) else text


SPELLINGS: list[Change] = [
    first_word(change)
    for change in (
        lambda word: f"'{word}'",
        lambda word: f'"{word}"',
        lambda word: f"\\{word}",
        lambda word: f"{word[0]}''{word[1:]}",
        lambda word: f'{word[0]}"{word[1:]}"',
        lambda word: "$'" + "".join(f"\\x{ord(letter):02x}" for letter in word) + "'",
        lambda word: f"/bin/{word}",
        lambda word: f"/usr/bin/{word}",
        lambda word: f"./{word}",
        lambda word: word.upper(),
        lambda word: word.capitalize(),
        lambda word: f"{word[0]}\\\n{word[1:]}",
    )
]


@settings(max_examples=800, deadline=None)
@given(
    st.sampled_from(ASKS),
    st.lists(st.sampled_from(SPACES + WRAPS + SPELLINGS), min_size=1, max_size=3),
)
def test_no_way_of_writing_a_command_turns_a_question_into_a_yes(command: str, changes: list[Change]) -> None:
    for change in changes:
        command = change(command)

    assert not assess(command, PARSE).is_harmless, command


def test_no_wrapping_turns_a_question_into_a_yes() -> None:
    # Each change meets every fifth command, another fifth each time; the property test above mixes the rest.
    changed = [change(command) for index, change in enumerate(WRAPS) for command in ASKS[index % 5 :: 5]]

    assert [command for command in changed if assess(command, PARSE).is_harmless] == []


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("lsrmcat x'\"\\$`(){}[];&|<>#!~*=-2\n\t\ré")), max_size=30))
def test_no_text_is_too_strange_to_be_assessed(text: str) -> None:
    assessment = assess(text, PARSE)

    assert assessment.commands or assessment.doubts or assessment.command_class
