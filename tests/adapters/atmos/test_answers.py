import pytest

from atmos_ai_sidecar.adapters.atmos.answers import failure, spoken, structured, words_of, yaml_rows
from atmos_ai_sidecar.application.ports.program_runner import Completion


def completion(stdout: str = "", stderr: str = "", exit_code: int = 0) -> Completion:
    return Completion(exit_code=exit_code, stdout=stdout, stderr=stderr, duration_seconds=0.1)


def test_the_words_have_no_colours_and_no_decoration() -> None:
    words = words_of(completion("\x1b[1mout\x1b[0m\n", "\n# Error\n\n**Error:** it broke\n\nbecause\n", 1))
    assert words == "out\nit broke\n\nbecause"


def test_wrapped_lines_of_an_error_are_joined_and_a_wrapped_hyphen_is_mended() -> None:
    said = "**Error:** import 'catalog/missing' in file 'deploy/ue1-\ndev.yaml': failed\nto find import\n\nmore\n"
    assert failure(completion(stderr=said, exit_code=1), "atmos x").error == (
        "import 'catalog/missing' in file 'deploy/ue1-dev.yaml': failed to find import"
    )


def test_a_failure_without_a_word_says_so() -> None:
    result = failure(completion(exit_code=7), "atmos x")
    assert result.output == "`atmos x` failed with exit code 7.\nIt printed nothing."
    assert result.error == "`atmos x` failed with exit code 7."


def test_expired_credentials_end_with_what_to_do() -> None:
    result = failure(completion(stderr="Error: the SSO session has expired", exit_code=1), "atmos x")
    assert result.output.endswith("run `atmos auth login`, then /retry.")


def test_something_that_is_no_json_is_a_failure_that_shows_it() -> None:
    result = structured(completion("<html>"), "atmos x")
    assert not result.success
    assert result.output == "`atmos x` answered with something that is not JSON.\n<html>"


def test_a_spoken_answer_is_its_words() -> None:
    assert spoken(completion(stderr="✓ fine\n"), "atmos x").output == "✓ fine"


def test_rows_are_written_as_yaml_and_odd_values_are_quoted() -> None:
    assert yaml_rows([{"Stack": "a/b-1", "N": "3"}, {"Stack": "x: y"}]) == '- Stack: a/b-1\n  N: "3"\n- Stack: "x: y"'


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        (["ue1-dev", "x: y"], '- ue1-dev\n- "x: y"'),
        ([None, 3, [], {}], "- null\n- 3\n- []\n- {}"),
        ({"Stack": "ue1-dev"}, "- Stack: ue1-dev"),
        ("ue1-dev", "- ue1-dev"),
        (None, "- null"),
        ([], ""),
    ],
)
def test_rows_of_a_shape_that_no_atmos_had_so_far_are_shown_too(rows: object, shown: str) -> None:
    assert yaml_rows(rows) == shown
