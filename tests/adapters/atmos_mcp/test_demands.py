"""The floor for Atmos' tools: by setting, by query, and by the place that a path leads to."""

from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.atmos_mcp import Ground
from atmos_ai_sidecar.adapters.atmos_mcp.table import TABLE
from atmos_ai_sidecar.adapters.atmos_mcp.tools import demand_of
from atmos_ai_sidecar.composition.own_settings import is_own_setting
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.domain.tools import Demand


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = tmp_path.resolve() / "project"
    for folder in ("stacks", "components/terraform/vpc", ".atmos.d", ".atmos/sessions"):
        (project / folder).mkdir(parents=True)
    (project / "atmos.yaml").write_text("ai: {enabled: true}\n")
    return project


@pytest.fixture
def ground(project: Path) -> Ground:
    return Ground(
        territory=Territory(
            directory=str(project),
            roots=(str(project),),
            own=(str(project / ".atmos/sessions"),),
            hidden=(str(project.parent / "state"),),
        ),
        base_path=str(project),
        terraform_path=str(project / "components/terraform"),
        is_own_setting=is_own_setting,
    )


def demand(ground: Ground, tool: str, **values: Any) -> Demand:
    return demand_of(TABLE[tool], ground, values)


@pytest.mark.parametrize("tool", ["atmos_config_set", "atmos_config_delete"])
@pytest.mark.parametrize(
    "key",
    [
        "ai",
        "ai.tools.yolo_mode",
        "AI.tools",
        ".ai.tools.allowed",
        "settings",
        "settings.ai.enabled",
        "mcp.servers.evil.command",
        "commands",
        "commands[0].steps",
        "import",
        "base_path",
        "profiles.x",
        "components",
        "components.terraform",
        "components.terraform.command",
        '.["ai"].tools',
        '"ai"',
        "(.ai)",
        "logs | .ai.tools.yolo_mode",
        "logs.level, .ai",
        "..",
        "",
        "a b",
    ],
)
def test_our_settings_and_what_cannot_be_checked_are_out_of_reach(tool: str, key: str, ground: Ground) -> None:
    assert demand(ground, tool, path=key, value="true").forbidden


@pytest.mark.parametrize("key", ["logs.level", "stacks.name_template", "components.terraform.apply_auto_approve"])
def test_other_settings_may_be_changed_when_somebody_agrees(key: str, ground: Ground) -> None:
    found = demand(ground, "atmos_config_set", path=key, value="x")
    assert not found.forbidden
    assert found.requires_permission


def test_a_file_elsewhere_or_of_ours_is_out_of_reach(ground: Ground, project: Path) -> None:
    for file in (
        "/etc/hosts",
        "../other.yaml",
        ".atmos/sessions/x.yaml",
        ".git/config",
        str(project.parent / "state/a"),
    ):
        assert demand(ground, "atmos_config_set", file=file, path="logs.level", value="x").forbidden, file
        assert demand(ground, "atmos_stack_config_set", file=file, path="vars.x", component="c", stack="s").forbidden


def test_links_are_followed(ground: Ground, project: Path) -> None:
    (project / "out.yaml").symlink_to("/etc/hosts")
    (project / "components/terraform/vpc/main.tf").symlink_to(project / ".atmos/sessions/x")
    assert demand(ground, "atmos_vendor_config_set", file="out.yaml", path="spec.x", value="x").forbidden
    edit = demand(ground, "atmos_terraform_component_hcl_edit", file_path="vpc/main.tf", operation="set")
    assert "own settings" in edit.forbidden


def test_other_tools_leave_the_configuration_of_atmos_alone(ground: Ground) -> None:
    for file in ("atmos.yaml", ".atmos.d/x.yaml"):
        assert demand(ground, "atmos_vendor_config_set", file=file, path="spec.x", value="x").forbidden
        found = demand(ground, "atmos_config_set", file=file, path="logs.level", value="x")
        assert not found.forbidden
        assert found.must_ask


def test_code_stays_in_the_folder_of_the_components(ground: Ground) -> None:
    found = demand(ground, "atmos_terraform_component_hcl_get", file_path="vpc/main.tf", address="x")
    assert (found.forbidden, found.must_ask, found.target) == ("", "", "components/terraform/vpc/main.tf")
    assert demand(ground, "atmos_terraform_component_hcl_get", file_path="/vpc/main.tf", address="x").target == (
        "components/terraform/vpc/main.tf"
    )


def test_reading_secrets_and_other_places_asks(ground: Ground) -> None:
    for file in (".env", "/etc/hosts"):
        found = demand(ground, "atmos_config_get", file=file, path="a")
        assert not found.forbidden
        assert found.must_ask
    assert demand(ground, "atmos_config_get", file="/proc/self/environ", path="a").forbidden


@pytest.mark.parametrize(
    "query", ['load("/etc/passwd")', "env(AWS_SECRET_ACCESS_KEY)", '.vars | strenv("X")', ".a // .b"]
)
def test_a_query_that_is_an_expression_asks(query: str, ground: Ground) -> None:
    assert "expression" in demand(ground, "atmos_list_values", component="vpc", query=query).must_ask
    assert "expression" in demand(ground, "atmos_config_get", path=query).must_ask


@pytest.mark.parametrize("query", [".vars", "vars.tags.team", "a-b.c_d[0]", "spec.sources[12].version"])
def test_a_query_that_is_a_plain_path_does_not(query: str, ground: Ground) -> None:
    found = demand(ground, "atmos_list_values", component="vpc", query=query)
    assert (found.must_ask, found.requires_permission) == ("", False)


def test_a_schema_from_elsewhere_asks(ground: Ground) -> None:
    for schema in ("https://example.com/s.json", "atmos://schema", "git::https://example.com/x"):
        assert "fetched" in demand(ground, "atmos_validate_file", file_path="a.yaml", schema_path=schema).must_ask


def test_a_path_that_no_file_can_have_is_out_of_reach(ground: Ground) -> None:
    assert demand(ground, "atmos_config_get", file="a\nb", path="x").forbidden


def test_odd_inputs_are_no_accident(ground: Ground) -> None:
    values: tuple[Any, ...] = (None, 7, [], {"a": 1}, "x" * 5000)
    for row in TABLE.values():
        for value in values:
            demand_of(row, ground, {parameter.name: value for parameter in row.parameters})
