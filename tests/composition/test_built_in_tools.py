import os
import pwd
import sys
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.built_in_tools import built_in_tools, territory_of
from atmos_ai_sidecar.composition.homes import home_of
from atmos_ai_sidecar.composition.own_settings import own_settings
from atmos_ai_sidecar.configuration import load_configuration
from atmos_ai_sidecar.domain.paths import Territory
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.fakes.tool_outputs import FakeToolOutputs


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path.resolve() / "home"


def territory(home: Path, folder: str = "infra/live", *, configuration: str = "", **environment: str) -> Territory:
    project = home / folder
    project.mkdir(parents=True)
    (project / "atmos.yaml").write_text(f"ai: {{enabled: true}}\n{configuration}")
    variables = {"HOME": str(home), **environment}
    run = Run(run_id="", directory=str(project), environment=variables)
    return territory_of(run, load_configuration(run.directory, {**variables, "ATMOS_AI_POLICY": ""}))


def test_the_repository_and_the_base_path_belong_to_the_project(home: Path) -> None:
    (home / "infra" / ".git").mkdir(parents=True)
    (home / "stacks").mkdir()
    found = territory(home, configuration="base_path: ../../stacks\n")
    assert found.directory == str(home / "infra/live")
    assert set(found.roots) == {str(home / "infra/live"), str(home / "infra"), str(home / "stacks")}


@pytest.mark.parametrize("value", ["", "relative/home"])
def test_a_home_that_is_not_named_is_the_one_that_the_system_knows(value: str) -> None:
    assert home_of({"HOME": value}) == os.path.realpath(pwd.getpwuid(os.getuid()).pw_dir)


def test_a_user_without_a_home_has_a_project_all_the_same(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_user: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    found = territory(home, "infra", HOME="", XDG_STATE_HOME=str(home / "state"))
    assert found.roots == (str(home / "infra"),)


@pytest.mark.parametrize("base_path", ["/", "../..", "../../.."])
def test_a_base_path_around_the_users_home_opens_nothing(home: Path, base_path: str) -> None:
    found = territory(home, configuration=f"base_path: {base_path}\n")
    assert found.roots == (str(home / "infra/live"),)


def test_a_repository_of_the_users_home_opens_nothing(home: Path) -> None:
    (home / ".git").mkdir(parents=True)
    assert territory(home).roots == (str(home / "infra/live"),)


def test_what_is_ours_is_out_of_reach_also_within_the_project(home: Path) -> None:
    project = home / "infra/live"
    found = territory(
        home,
        XDG_STATE_HOME=str(project / "state"),
        XDG_CONFIG_HOME=str(project),
        ATMOS_AI_POLICY=str(project / "p.yaml"),
    )
    assert "own keys" in found.why_not_read(str(project / "state/atmos-ai/grants.json"))
    for path in (".atmos/sessions/sidecar.db", "state/atmos-ai/x", "atmos-ai/config.yaml", "p.yaml"):
        assert "own settings" in found.why_not_written(str(project / path))


def test_files_that_were_imported_configure_atmos(home: Path) -> None:
    (home / "infra/live/conf").mkdir(parents=True)
    (home / "infra/live/conf/more.yaml").write_text("logs: {level: Info}\n")
    project = home / "infra" / "live"
    (project / "atmos.yaml").write_text("ai: {enabled: true}\nimport: [conf/*.yaml]\n")
    variables = {"HOME": str(home)}
    run = Run(run_id="", directory=str(project), environment=variables)
    found = territory_of(run, load_configuration(str(project), variables))
    assert found.is_configuration(str(project / "conf/more.yaml"))
    assert found.is_configuration(str(project / "conf/new.yaml")), "the glob would bring it in"
    assert not found.is_configuration(str(project / "other.yaml"))


@pytest.mark.parametrize("enabled", [True, False])
def test_the_shell_is_a_tool_only_when_the_project_says_so(home: Path, enabled: bool) -> None:
    home.mkdir()
    (home / "atmos.yaml").write_text(f"ai: {{enabled: true, tools: {{shell: {{enabled: {str(enabled).lower()}}}}}}}\n")
    variables = {"HOME": str(home / "me"), "ATMOS_AI_ATMOS": sys.executable}
    run = Run(run_id="", directory=str(home), environment=variables)
    config = load_configuration(str(home), variables)
    found = built_in_tools(run, RunOptions(), config, FakeToolOutputs(), SystemClock())
    shell = "execute_bash_command"
    assert (shell in {tool.name for tool in found.tools}) is enabled
    assert (shell in {tool.name for tool in found.switched_off}) is not enabled


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "logs: {level: Info}"),
        ("ai: {enabled: true}", "# a comment\nai:\n  enabled: true\n"),
        ("settings: {list_merge: replace}", "settings: {list_merge: append}"),
        ("components: {terraform: {base_path: a}}", "components: {terraform: {base_path: b}}"),
        ("", "components: {terraform: {init_run: true}}"),
    ],
)
def test_other_settings_may_differ(before: str, after: str) -> None:
    assert own_settings(before) == own_settings(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "ai: {}"),
        ("ai: {enabled: true}", "ai: {enabled: false}"),
        ("ai: {enabled: true}", "ai: {enabled: 'true'}"),
        ("ai: {enabled: true}", "ai: {enabled: !env X}"),
        ("ai: {enabled: true}", "Ai: {tools: {yolo_mode: true}}\nai: {enabled: true}"),
        ("mcp: {}", "mcp: {servers: {}}"),
        ("commands: [a]", "commands: [a, b]"),
        ("", "settings.ai.enabled: true"),
        ("", "Settings: {AI: {}}"),
        ("", "settings: {ai.tools.yolo_mode: true}"),
        ("", "settings: !include x"),
        ("", "components: {helmfile: {command: x}}"),
        ("", "components.terraform.command: x"),
        ("", "components: {terraform: !include x}"),
        ("", "components: {terraform: {COMMAND: x}}"),
        ("", "components: !env X"),
        ("", "!include other.yaml"),
        ("", "[a]"),
        ("", "profiles: {base_path: x}"),
    ],
)
def test_what_is_for_people_to_set_is_seen_in_every_spelling(before: str, after: str) -> None:
    assert own_settings(before) != own_settings(after)


def test_a_text_that_is_no_yaml_is_not_judged() -> None:
    with pytest.raises(ConfigurationInvalidError):
        own_settings("a: [")


def test_the_documentation_names_every_tool_with_its_effect_and_limit(home: Path) -> None:
    home.mkdir()
    (home / "atmos.yaml").write_text("ai: {enabled: true, tools: {shell: {enabled: true}}}\n")
    variables = {"HOME": str(home / "me"), "ATMOS_AI_ATMOS": sys.executable}
    run = Run(run_id="", directory=str(home), environment=variables)
    config = load_configuration(str(home), variables)
    found = {
        tool.name: tool for tool in built_in_tools(run, RunOptions(), config, FakeToolOutputs(), SystemClock()).tools
    }
    text = (Path(__file__).parents[2] / "docs" / "tools.md").read_text()
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| `")
    ]
    documented = {row[0].strip("`"): row for row in rows}
    assert documented.keys() == found.keys()
    limits = {30.0: "30 s", 120.0: "2 min", 1200.0: "20 min"}
    for name, (_, effect, asks, limit) in documented.items():
        tool = found[name]
        assert effect.startswith(tool.effect.value), name
        if limit != "by class":
            assert limit.startswith(limits[tool.timeout_seconds or 0]), name
            assert asks.startswith("yes") == tool.requires_permission, name
