"""The atmos tools on the demo project, with the replayed Atmos and, where one is named, with a real one."""

import dataclasses
from collections.abc import Callable

import pytest

from atmos_ai_sidecar.application.ports.program_runner import Completion, Program
from atmos_ai_sidecar.domain.tools import CommandClass, Effect, ExecutionClass, OutputPiece
from atmos_ai_sidecar.errors import InvalidFieldError
from tests.adapters.atmos.conftest import Open, Project

WITHOUT_CODE = "--process-functions=false --process-templates=false"


async def test_stacks_are_listed_as_yaml(project: Project) -> None:
    result = await project.call("atmos_list_stacks")
    assert result.success
    assert result.output == "- Stack: ue1-dev\n- Stack: ue1-prod\n- Stack: ue1-staging"
    assert result.data == [{"Stack": "ue1-dev"}, {"Stack": "ue1-prod"}, {"Stack": "ue1-staging"}]


async def test_stacks_are_listed_as_json_on_request(project: Project) -> None:
    result = await project.call("atmos_list_stacks", format="json")
    assert result.output.startswith("[\n")
    assert '"Stack": "ue1-prod"' in result.output


async def test_components_are_listed_for_all_stacks_and_for_one(project: Project) -> None:
    everywhere = await project.call("atmos_list_components")
    in_one = await project.call("atmos_list_components", stack="ue1-dev")
    assert [row["Component"] for row in everywhere.data] == ["database", "storefront", "vpc"]
    assert {row["Stacks"] for row in in_one.data} == {"1"}


async def test_a_component_is_described_with_its_values(project: Project) -> None:
    result = await project.call("atmos_describe_component", component="vpc", stack="ue1-prod")
    assert result.data["vars"]["cidr_block"] == "10.20.0.0/16"
    assert "10.20.0.0/16" in result.output


async def test_provenance_names_file_and_line_of_every_value(project: Project) -> None:
    result = await project.call("atmos_describe_component", component="vpc", stack="ue1-dev", provenance=True)
    assert "deploy/ue1-dev.yaml:18" in result.output


async def test_stacks_are_described_by_component_and_section(project: Project) -> None:
    result = await project.call("atmos_describe_stacks", components=["vpc"], sections=["vars"])
    assert list(result.data["ue1-dev"]["components"]["terraform"]["vpc"]) == ["vars"]


async def test_dependents_are_described(project: Project) -> None:
    result = await project.call("atmos_describe_dependents", component="vpc", stack="ue1-dev")
    assert [row["component"] for row in result.data] == ["database", "storefront"]


async def test_stacks_and_components_are_validated(project: Project) -> None:
    for result in (
        await project.call("atmos_validate_stacks"),
        await project.call("atmos_validate_component", component="vpc", stack="ue1-dev"),
    ):
        assert result.success
        assert "validated successfully" in result.output


async def test_policies_are_validated_for_every_component_that_has_one(project: Project) -> None:
    result = await project.call("atmos_validate_stacks", schema_type="opa")
    assert result.success
    assert [(row["component"], row["stack"], row["valid"]) for row in result.data] == [
        ("database", "ue1-dev", True),
        ("database", "ue1-prod", True),
        ("database", "ue1-staging", True),
    ]


async def test_a_plan_has_text_counts_and_resources_and_leaves_no_planfile(project: Project) -> None:
    result = await project.call("atmos_terraform_plan", component="database", stack="ue1-prod")
    assert result.success
    assert "Plan: 1 to add, 0 to change, 0 to destroy." in result.output
    assert "\x1b" not in result.output
    assert "(Atmos ran terraform init first.)" in result.output
    assert result.data == {
        "add": 1,
        "change": 0,
        "destroy": 0,
        "import": 0,
        "resources": [{"address": "terraform_data.instance", "action": "create"}],
        "changed_outputs": ["endpoint", "password"],
    }
    assert project.planfiles() == []


async def test_a_plan_shows_no_sensitive_value_anywhere(project: Project) -> None:
    result = await project.call("atmos_terraform_plan", component="database", stack="ue1-prod")
    shown = "".join(piece.text for piece in project.shown)
    assert "(sensitive value)" in result.output
    assert "demo-password" not in f"{result.output}{result.data}{shown}"


async def test_any_other_command_runs_without_a_shell(project: Project) -> None:
    result = await project.call("execute_atmos_command", arguments=["atmos", "version"])
    assert "Atmos 1." in result.output
    assert project.recorded.commands() == ["version"]


@pytest.mark.parametrize(
    ("component", "stack", "hint"),
    [
        (
            "nope",
            "ue1-dev",
            "The stack 'ue1-dev' has no component 'nope'. The components are: database, storefront, vpc.",
        ),
        (
            "vpc",
            "ue1-nope",
            "There is no stack 'ue1-nope'. Did you mean 'ue1-dev'? The stacks are: ue1-dev, ue1-prod,",
        ),
    ],
)
@pytest.mark.parametrize("name", ["atmos_describe_component", "atmos_validate_component", "atmos_terraform_plan"])
async def test_an_unknown_component_or_stack_is_told_apart_and_the_known_ones_are_named(
    project: Project, name: str, component: str, stack: str, hint: str
) -> None:
    result = await project.call(name, component=component, stack=stack)
    assert not result.success
    assert result.reason == "TOOL_EXECUTION_FAILED"
    assert result.exit_code == 1
    assert result.error.startswith(hint)
    assert f"Could not find the component {component} in the stack {stack}." in result.output
    assert "**Error:**" not in result.output


async def test_all_reading_calls_keep_atmos_from_running_code(open_project: Open) -> None:
    project = open_project()
    await project.call("atmos_list_stacks")
    await project.call("atmos_list_components", stack="ue1-dev")
    await project.call("atmos_describe_component", component="vpc", stack="ue1-dev")
    await project.call("atmos_describe_stacks", stack="ue1-dev")
    await project.call("atmos_describe_dependents", component="vpc", stack="ue1-dev")
    await project.call("atmos_describe_affected", base="main")
    assert all(command.endswith(WITHOUT_CODE) for command in project.recorded.commands())
    assert len(project.recorded.programs) == 6


async def test_resolve_lets_atmos_run_code_and_therefore_asks(open_project: Open) -> None:
    project = open_project()
    result = await project.call("atmos_describe_component", component="vpc", stack="ue1-dev", resolve=True)
    assert result.data["vars"]["cidr_block"] == "10.10.0.0/16"
    assert WITHOUT_CODE not in project.recorded.commands()[0]
    demand = project.tool("atmos_describe_component").demand({"resolve": True})
    assert (demand.effect, demand.requires_permission, demand.timeout_seconds) == (Effect.EXECUTE, True, 300)
    assert demand.command_class is CommandClass.CODE_EXECUTION


async def test_the_affected_components_are_described(open_project: Open) -> None:
    project = open_project()
    for values in ({}, {"include_dependents": True}):
        result = await project.call("atmos_describe_affected", base="main", **values)
        assert [(row["component"], row["stack"]) for row in result.data] == [("storefront", "ue1-prod")]


async def test_an_unknown_base_is_told_in_atmos_own_words(open_project: Open) -> None:
    result = await open_project().call("atmos_describe_affected", base="no-such-branch")
    assert result.error == "git reference not found on local filesystem: exit status 128"
    assert result.exit_code == 128


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("broken-yaml", "yaml: line 10: did not find expected ',' or ']'"),
        ("missing-import", "stack import not found: import 'catalog/missing' in file 'deploy/ue1-dev.yaml'"),
        ("wrong-type", "invalid components.terraform section in file 'deploy/ue1-dev'"),
    ],
)
@pytest.mark.parametrize("name", ["atmos_list_stacks", "atmos_validate_stacks"])
async def test_broken_stack_files_are_told_in_atmos_own_words(
    open_project: Open, scenario: str, words: str, name: str
) -> None:
    result = await open_project(scenario).call(name)
    assert not result.success
    assert words in result.error
    assert result.exit_code == 1


async def test_no_stacks_at_all_is_an_empty_list_with_what_atmos_said(open_project: Open) -> None:
    result = await open_project("no-project").call("atmos_list_stacks")
    assert (result.success, result.data, result.output) == (True, [], "▶ No stacks found")


async def test_a_component_that_breaks_its_schema_is_a_failure(open_project: Open) -> None:
    result = await open_project("bad-cidr").call("atmos_validate_component", component="vpc", stack="ue1-dev")
    assert not result.success
    assert "does not match pattern" in result.output


async def test_a_broken_policy_names_the_component_and_the_others_are_reported_too(
    open_project: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = open_project("single-az-database")
    run = project.recorded.run

    async def describe_without_scenario(program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
        """What `describe stacks` says in this scenario was not recorded; its names are those of the plain project."""
        if "describe" in program.arguments:
            plain = {name: value for name, value in program.environment.items() if name != "ATMOS_REPLAY_SCENARIO"}
            program = dataclasses.replace(program, environment=plain)
        return await run(program, emit)

    monkeypatch.setattr(project.recorded, "run", describe_without_scenario)
    result = await project.call("atmos_validate_stacks", schema_type="opa")
    assert not result.success
    assert result.error == "1 of 3 components are not valid."
    assert [row["valid"] for row in result.data] == [True, False, True]
    assert "- database in ue1-prod: not valid\n" in result.output
    assert "production databases must be multi-AZ" in result.output


async def test_policies_cannot_be_validated_when_the_stacks_cannot_be_read(open_project: Open) -> None:
    project = open_project("single-az-database")  # its `describe stacks` is not recorded, so the replay refuses it
    result = await project.call("atmos_validate_stacks", schema_type="opa")
    assert not result.success
    assert result.output.startswith("`atmos describe stacks` failed with exit code 64.")


@pytest.mark.parametrize(
    ("described", "success", "told"),
    [
        ("null", True, "No component"),
        ('{"a": null, "b": {"components": null}}', True, "No component"),
        ('{"a": {"components": {"terraform": {"x": null, "y": {"settings": null}}}}}', True, "No component"),
        (
            '{"a": {"components": {"terraform": {"x": {"settings": {"validation": {"p": null}}}}}}}',
            True,
            "No component",
        ),
        ("A new version of Atmos is out.", False, "not JSON"),
    ],
)
async def test_policies_are_looked_for_in_whatever_the_stacks_are(
    open_project: Open, monkeypatch: pytest.MonkeyPatch, described: str, success: bool, told: str
) -> None:
    project = open_project()

    async def describe(program: Program, emit: Callable[[OutputPiece], None]) -> Completion:
        return Completion(exit_code=0, stdout=described, stderr="", duration_seconds=0.1)

    monkeypatch.setattr(project.recorded, "run", describe)
    result = await project.call("atmos_validate_stacks", schema_type="opa")
    assert (result.success, told in result.output) == (success, True)


async def test_a_failing_plan_shows_terraforms_own_error_and_leaves_no_planfile(open_project: Open) -> None:
    project = open_project("terraform-error")
    result = await project.call("atmos_terraform_plan", component="vpc", stack="ue1-dev")
    assert not result.success
    assert "Duplicate variable declaration" in result.output
    assert "\x1b" not in result.output
    assert result.data is None
    assert project.planfiles() == []


async def test_a_planfile_that_stood_there_before_a_failing_plan_stays(open_project: Open) -> None:
    project = open_project("terraform-error")
    planfile = project.directory / "components/terraform/vpc/ue1-dev-vpc.planfile"
    planfile.write_bytes(b"the user's own")
    await project.call("atmos_terraform_plan", component="vpc", stack="ue1-dev")
    assert planfile.read_bytes() == b"the user's own"


async def test_a_plan_is_of_class_plan_without_lock_and_questions(open_project: Open) -> None:
    project = open_project()
    await project.call("atmos_terraform_plan", component="vpc", stack="ue1-dev", targets=["terraform_data.vpc"])
    program = next(program for program in project.recorded.programs if "plan" in program.arguments)
    assert program.execution_class is ExecutionClass.PLAN
    assert list(program.arguments[-5:]) == [
        "--", "-input=false", "-lock=false", "-no-color", "-target=terraform_data.vpc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("atmos_list_components", {"stack": "--config=evil.yaml"}),
        ("atmos_describe_component", {"component": "--help", "stack": "ue1-dev"}),
        ("atmos_describe_component", {"component": "vpc", "stack": "-x"}),
        ("atmos_describe_component", {"component": "", "stack": "ue1-dev"}),
        ("atmos_describe_stacks", {"components": ["vpc", "--chdir=/"]}),
        ("atmos_describe_affected", {"base": "--upload"}),
        ("atmos_terraform_plan", {"component": "vpc", "stack": "ue1-dev", "targets": ["-out=/tmp/x"]}),
        ("atmos_validate_component", {"component": "a\0b", "stack": "ue1-dev"}),
        ("execute_atmos_command", {"arguments": []}),
        ("execute_atmos_command", {"arguments": ["a\0b"]}),
    ],
)
async def test_a_value_that_would_be_read_as_a_flag_is_refused_and_nothing_runs(
    open_project: Open, name: str, values: dict[str, object]
) -> None:
    project = open_project()
    with pytest.raises(InvalidFieldError):
        await project.call(name, **values)
    assert project.recorded.programs == []


def test_every_tool_of_the_table_is_offered_sorted_with_its_effect_and_permission(open_project: Open) -> None:
    project = open_project()
    names = {
        "atmos_describe_affected": (Effect.READ, False, 30),
        "atmos_describe_component": (Effect.READ, False, 30),
        "atmos_describe_dependents": (Effect.READ, False, 30),
        "atmos_describe_stacks": (Effect.READ, False, 30),
        "atmos_list_components": (Effect.READ, False, 30),
        "atmos_list_stacks": (Effect.READ, False, 30),
        "atmos_terraform_plan": (Effect.EXECUTE, True, 1200),
        "atmos_validate_component": (Effect.EXECUTE, True, 120),
        "atmos_validate_stacks": (Effect.EXECUTE, False, 120),
        "execute_atmos_command": (Effect.EXECUTE, True, None),
    }
    for name, expected in names.items():
        tool = project.tool(name)
        demand = tool.demand({})
        assert (demand.effect, demand.requires_permission, demand.timeout_seconds) == expected, name
        assert tool.description
        assert tool.title


def test_the_demand_of_a_command_follows_its_class(open_project: Open) -> None:
    tool = open_project().tool("execute_atmos_command")
    read = tool.demand({"arguments": ["version"]})
    apply = tool.demand({"arguments": ["terraform", "apply", "vpc", "-s", "ue1-dev"]})
    assistant = tool.demand({"arguments": ["atmos", "ai", "chat"]})
    assert (read.effect, read.timeout_seconds, read.forbidden) == (Effect.READ, 120, "")
    assert (apply.effect, apply.timeout_seconds, apply.command_class) == (Effect.EXECUTE, None, CommandClass.MUTATE)
    assert assistant.forbidden == "no tool runs the assistant itself"
    assert tool.demand({"arguments": "not a list"}).command_class is CommandClass.UNKNOWN
