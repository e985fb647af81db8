import pytest

from atmos_ai_sidecar.adapters.command_parser import TreeSitterCommandParser
from atmos_ai_sidecar.domain.commands import assess
from atmos_ai_sidecar.domain.tools import CommandClass
from tests.corpus import Row, read_commands

ROWS = read_commands()
PARSE = TreeSitterCommandParser().parse


@pytest.mark.parametrize("row", ROWS, ids=lambda row: repr(row.command))
def test_every_command_of_the_corpus_gets_its_class_and_decision(row: Row) -> None:
    assessment = assess(row.command, PARSE)

    assert (assessment.command_class, assessment.is_harmless) == (row.command_class, row.is_allowed), row.why


def test_only_reading_and_planning_is_ever_allowed() -> None:
    allowed = {row.command_class for row in ROWS if row.is_allowed}

    assert allowed == {CommandClass.READ, CommandClass.PLAN}


def test_the_corpus_is_large_and_has_every_class_and_no_command_twice() -> None:
    assert len(ROWS) >= 250
    assert {row.command_class for row in ROWS} == set(CommandClass)
    assert len({row.command for row in ROWS}) == len(ROWS)


def test_a_prefix_is_offered_for_nothing_that_runs_other_commands() -> None:
    runners = {
        "env",
        "sudo",
        "bash",
        "sh",
        "xargs",
        "timeout",
        "nice",
        "python",
        "python3",
        "node",
        "make",
        "eval",
        "ssh",
    }

    prefixes = {tuple(assess(row.command, PARSE).simple_prefix) for row in ROWS} - {()}

    assert {prefix[0] for prefix in prefixes} & runners == set()
    assert ("terraform", "plan") in prefixes
