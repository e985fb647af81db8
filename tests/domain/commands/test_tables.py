"""What has to hold for every row of the tables."""

from collections.abc import Iterator

from atmos_ai_sidecar.domain.commands.specs import Spec, matches
from atmos_ai_sidecar.domain.commands.tables import PROGRAMS
from atmos_ai_sidecar.domain.commands.tables.wrappers import HARMLESS_VARIABLES, RUNNING_OPTIONS, SHELLS, WRAPPERS
from atmos_ai_sidecar.domain.tools import CommandClass

HARMLESS = {CommandClass.READ, CommandClass.PLAN}
OPEN_VERBS = {"aws", "gcloud", "az", "gh", "docker", "podman", "nerdctl"}
"""Programs with thousands of operations, whose options only describe what is read."""


def rows(spec: Spec, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Spec]]:
    yield path, spec
    for name, subcommand in spec.subcommands.items():
        yield from rows(subcommand, (*path, name))
    if spec.other is not None:
        yield from rows(spec.other, (*path, "*"))


ROWS = [row for name, spec in PROGRAMS.items() for row in rows(spec, (name,))]


def test_what_reads_or_plans_accepts_only_options_that_are_listed() -> None:
    open_rows = {path for path, spec in ROWS if spec.command_class in HARMLESS and spec.is_open}

    assert {path[0] for path in open_rows} <= OPEN_VERBS


def test_options_start_with_a_dash_and_have_a_known_form() -> None:
    for path, spec in ROWS:
        for name, option in spec.options.items():
            assert name.startswith("-"), (path, name)
            assert option.takes in {"", ":", "?"}, (path, name)


def test_programs_are_named_in_lower_case_so_that_they_are_found() -> None:
    assert [name for name in [*PROGRAMS, *WRAPPERS, *SHELLS, *RUNNING_OPTIONS] if name != name.lower()] == []


def test_a_program_is_either_a_wrapper_or_has_a_row() -> None:
    assert set(WRAPPERS) & set(PROGRAMS) == set()
    assert set(SHELLS) & (set(WRAPPERS) | set(PROGRAMS)) == set()
    assert set(RUNNING_OPTIONS) <= set(PROGRAMS)


def test_no_variable_that_chooses_programs_or_options_is_harmless() -> None:
    chosen = ("PATH", "PAGER", "EDITOR", "SHELL", "HOME", "IFS", "ENV", "LD_", "GIT_", "TF_CLI", "ATMOS_BASE", "AWS_")

    assert [name for name in HARMLESS_VARIABLES if name.startswith(chosen)] == []


def test_patterns_have_their_stars_at_the_ends() -> None:
    assert matches("list-roles", "list-*")
    assert matches("get-secret-value", "*secret-value*")
    assert matches("a.b", "*.b")
    assert matches("", "*")
    assert not matches("list", "list-*")
    assert not matches("lists", "list")
