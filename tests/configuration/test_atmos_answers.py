"""What Atmos' own assistant remembers: read, never written."""

from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration.atmos_answers import ANSWERS_OF_ATMOS, AtmosAnswers, read_atmos_answers
from atmos_ai_sidecar.domain.decisions import ListEntry
from tests.configuration.conftest import ProjectFolder

ANSWERS = """\
{
  "permissions": {
    "allow": [
      "atmos_list_stacks",
      "execute_bash_command(ls)"
    ],
    "deny": [
      "write_stack_file",
      "atmos_terraform_plan(stack:prod)"
    ]
  }
}
"""


def entry(pattern: str, line: int) -> ListEntry:
    return ListEntry(pattern=pattern, file=ANSWERS_OF_ATMOS, line=line)


def test_answers_are_read_with_their_lines_and_what_has_parameters_only_denies(project: ProjectFolder) -> None:
    path = project.write(ANSWERS, ANSWERS_OF_ATMOS)
    project.write("ai: {enabled: true}")
    found = read_atmos_answers(project.directory)
    assert found == AtmosAnswers(
        allowed=(entry("atmos_list_stacks", 4),),
        denied=(entry("write_stack_file", 8), entry("atmos_terraform_plan", 9)),
    )
    config = project.load()
    permissions = config.permissions()
    assert (permissions.atmos_allowed, permissions.atmos_denied) == (found.allowed, found.denied)
    assert [(claim.setting, claim.value) for claim in config.claims] == [
        ("allowed in Atmos before", "atmos_list_stacks")
    ]
    assert ANSWERS_OF_ATMOS in config.files, "trust is bound to it"
    assert path.read_text() == ANSWERS


@pytest.mark.parametrize(
    "text", ["{}", '{"permissions": null}', '{"permissions": {}}', '{"Permissions": {"Allow": null}}']
)
def test_a_file_without_answers_says_nothing(project: ProjectFolder, text: str) -> None:
    project.write(text, ANSWERS_OF_ATMOS)
    assert read_atmos_answers(project.directory) == AtmosAnswers()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "3", '{"permissions": [1]}', '{"permissions": {"allow": "x"}}', '{"permissions": {"deny": [3]}}',
     "[" * 100_000, " " * (2 << 20)],
)  # fmt: skip
def test_a_broken_file_is_reported_and_left_alone(project: ProjectFolder, text: str) -> None:
    path = project.write(text, ANSWERS_OF_ATMOS)
    project.write("ai: {enabled: true}")
    found = read_atmos_answers(project.directory)
    assert ANSWERS_OF_ATMOS in found.problem
    assert not found.allowed
    assert not found.denied
    assert path.read_text() == text
    if len(text) < 1000:
        assert found.problem in project.load().warnings


def test_without_the_file_there_are_no_answers(tmp_path: Path) -> None:
    assert read_atmos_answers(tmp_path) == AtmosAnswers()
