"""What a real bash starts, against what the assessment saw."""

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import Assessment, assess
from atmos_ai_sidecar.domain.tools import CommandClass
from tests.adapters.command_parser.stand_ins import StandIns
from tests.corpus import Row, read_commands

PARSE = TreeSitterCommandParser().parse
ROWS = [row for row in read_commands() if row.may_run]
HARMLESS = [CommandClass.READ, CommandClass.PLAN]
UNSEEN_MAY_RUN = {CommandClass.CODE_EXECUTION, CommandClass.UNKNOWN}

PIECES = (
    *("ls", "rm", "cat", "ls", "head", "x", "a", "b", "-", "-l", "=", "1", "2", "é", ":", ",", "..", "%", "^"),
    *(" ", " ", " ", " ", "\t", "\n", "\\", "\\\n", "\r"),
    *("'", '"', "$", "`", "$'", "\\x72", "\\;", '"x"', "'y'", "(", ")", "{", "}", "[", "]", "~", "*", "#", "!"),
    *(";", "&", "|", "<", ">", "&&", "||", "|&", "2>&1", ">/dev/null", "/dev/null", "<<", "EOF"),
    *("if ", "then ", "fi", "time ", "! ", "command ", "exec ", "bash -c ", "nice ", "timeout 5 ", "set -e;"),
    *("echo ", "[ -f x ]", "LANG=a ", "cat <"),
)


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> StandIns:
    stand_ins = StandIns(tmp_path_factory.mktemp("bash"))
    stand_ins.add({"ls", "rm", "cat", "head", "x", "a", "b"})
    stand_ins.add({command.program for row in ROWS for command in assess(row.command, PARSE).commands})
    return stand_ins


@pytest.mark.parametrize("command_class", CommandClass)
def test_what_a_real_bash_starts_was_seen(stand_ins: StandIns, command_class: CommandClass) -> None:
    rows = [row for row in ROWS if row.command_class is command_class]
    with ThreadPoolExecutor(max_workers=4) as pool:
        wrong = [line for lines in pool.map(lambda row: unseen(stand_ins, row), rows) for line in lines]

    assert wrong == []


def unseen(stand_ins: StandIns, row: Row) -> Sequence[str]:
    assessment = assess(row.command, PARSE)
    outcome = stand_ins.run(row.command)
    names = {command.program for command in assessment.commands}
    wrong = [f"{row.command!r} started {words}" for words in outcome.started if words[0] not in names]
    if row.command_class in HARMLESS and not assessment.doubts:
        wrong = differences(assessment, outcome.started)
    if row.command_class in HARMLESS and outcome.files:
        wrong.append(f"{row.command!r} wrote {outcome.files}")
    return [] if row.command_class in UNSEEN_MAY_RUN else wrong


def differences(assessment: Assessment, started: Sequence[Sequence[str]]) -> list[str]:
    """What started with other words than the assessment decoded."""
    expected = [[with_home(word) for word in command.argv] for command in assessment.commands]
    return [f"{list(words)} instead of {expected}" for words in started if list(words) not in expected]


def with_home(word: str | None) -> str | None:
    return StandIns.HOME + word[1:] if word is not None and (word == "~" or word.startswith("~/")) else word


def test_random_text_that_counts_as_harmless_starts_what_was_decoded_and_writes_nothing(stand_ins: StandIns) -> None:
    source = random.Random(20)
    texts = ["ls " + "".join(source.choices(PIECES, k=source.randint(1, 14))) for _ in range(2500)]
    harmless = [(text, assessment) for text in texts if (assessment := assess(text, PARSE)).is_harmless]
    with ThreadPoolExecutor(max_workers=4) as pool:
        outcomes = list(pool.map(stand_ins.run, [text for text, _ in harmless]))
    wrong = [
        (text, found, outcome.files)
        for (text, assessment), outcome in zip(harmless, outcomes, strict=True)
        if (found := differences(assessment, outcome.started)) or outcome.files
    ]

    assert len(harmless) > 150
    assert wrong == []


def test_the_stand_ins_write_down_how_they_were_started(tmp_path: Path) -> None:
    stand_ins = StandIns(tmp_path)
    stand_ins.add(["rm"])

    outcome = stand_ins.run("r\\m 'a b' \"\" $'c\\x64' >out")

    assert outcome.started == [["rm", "a b", "", "cd"]]
    assert outcome.files == ["inner/out"]
