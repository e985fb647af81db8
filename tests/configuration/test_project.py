from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration import AtmosFlags, find_project
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.configuration.conftest import ProjectFolder

ON = "ai: {enabled: true}\n"


def test_the_nearest_file_above_is_the_project(project: ProjectFolder) -> None:
    project.write(ON)
    (project.directory / "stacks/deploy").mkdir(parents=True)
    found = find_project(str(project.directory / "stacks/deploy"), {})
    assert found.directory == project.directory
    assert found.start == project.directory / "stacks/deploy"


@pytest.mark.parametrize("name", [".atmos.yaml", "atmos.yml"])
def test_other_names_of_the_file_are_found(project: ProjectFolder, name: str) -> None:
    path = project.write(ON, name)
    assert project.load().file == path


def test_the_root_of_the_repository_lies_on_a_nearer_folder_above(project: ProjectFolder) -> None:
    (project.directory / ".git").mkdir()
    project.write("ai: {enabled: true, provider: bedrock}")
    project.write("ai: {provider: vertex, model: near}", "a/atmos.yaml")
    (project.directory / "a/b").mkdir()
    config = project.load("a/b")
    assert config.provider == "bedrock"
    assert config.providers["bedrock"].model == "near"
    assert config.git_root == project.directory


def test_a_file_here_ends_the_search(project: ProjectFolder) -> None:
    (project.directory / ".git").mkdir()
    project.write("ai: {enabled: true, provider: bedrock}")
    project.write("ai: {provider: vertex}", "a/atmos.yaml")
    config = project.load("a")
    assert (config.provider, config.enabled) == ("vertex", False)
    assert config.directory == project.directory / "a"


def test_files_of_the_user_lie_below_and_are_not_the_projects(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, provider: bedrock, model: users}", "home/.atmos/atmos.yaml")
    project.write("ai: {provider: vertex}")
    config = project.load()
    assert config.enabled
    assert config.provider == "vertex"
    assert config.providers["vertex"].model == "users"
    assert list(config.files) == ["atmos.yaml"]


def test_a_file_of_the_user_alone_is_no_project(project: ProjectFolder) -> None:
    project.write(ON, "home/.atmos/atmos.yaml")
    with pytest.raises(ConfigurationInvalidError, match=r"There is no atmos\.yaml in"):
        project.load()


def test_the_variable_replaces_the_search_above_but_not_here(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, provider: bedrock}")
    project.write("ai: {model: here}", "a/atmos.yaml")
    project.write("ai: {enabled: true, provider: vertex}", "elsewhere/atmos.yaml")
    config = project.load("a", environment={"ATMOS_CLI_CONFIG_PATH": str(project.directory / "elsewhere")})
    assert config.provider == "vertex"
    assert config.providers["vertex"].model == "here"
    assert config.directory == project.directory / "elsewhere"
    file = str(project.directory / "elsewhere/atmos.yaml")
    assert project.load("a", environment={"ATMOS_CLI_CONFIG_PATH": file}).provider == "vertex"


def test_named_files_and_folders_replace_the_search(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, provider: bedrock}")
    project.write("ai: {provider: vertex, model: from-file}", "other.yaml")
    project.write("commands: []\nai: {provider: anthropic}", ".atmos.d/x.yaml")
    config = project.load(flags=AtmosFlags(config=["other.yaml"]))
    assert (config.provider, config.enabled) == ("vertex", False)
    project.write("ai: {enabled: true}", "folder/atmos.yaml")
    config = project.load(flags=AtmosFlags(config=["other.yaml"], config_path=["folder"]))
    assert (config.provider, config.enabled) == ("vertex", True)
    assert config.directory == project.directory / "folder"


def test_chdir_by_flag_or_variable_moves_the_start(project: ProjectFolder) -> None:
    project.write(ON, "a/atmos.yaml")
    assert project.load(flags=AtmosFlags(chdir="a")).enabled
    assert project.load(environment={"ATMOS_CHDIR": "a"}).enabled


def test_the_base_path_comes_from_flag_variable_or_file(project: ProjectFolder) -> None:
    project.write(ON + "base_path: infra\n")
    assert project.load().base_path == project.directory / "infra"
    assert project.load(environment={"ATMOS_BASE_PATH": "v"}).base_path == project.directory / "v"
    assert project.load(flags=AtmosFlags(base_path="f")).base_path == project.directory / "f"


@pytest.mark.parametrize(
    ("flags", "remedy"),
    [
        (AtmosFlags(chdir="missing"), "Check --chdir."),
        (AtmosFlags(config=["missing.yaml"]), "Check --config."),
        (AtmosFlags(config_path=["missing"]), "Check --config-path."),
        (AtmosFlags(profile=["missing"]), "Check --profile or ATMOS_PROFILE."),
    ],
)
def test_a_flag_that_names_nothing_is_an_error(project: ProjectFolder, flags: AtmosFlags, remedy: str) -> None:
    project.write(ON)
    with pytest.raises(ConfigurationInvalidError, match="missing") as caught:
        project.load(flags=flags)
    assert caught.value.remedy == remedy


def test_a_project_behind_a_link_has_its_real_path(project: ProjectFolder, tmp_path: Path) -> None:
    project.write(ON)
    (tmp_path / "link").symlink_to(project.directory)
    assert find_project(str(tmp_path / "link"), {}).directory == project.directory


@pytest.mark.parametrize(
    ("arguments", "flags"),
    [
        ([], AtmosFlags()),
        (["--chdir", "a", "-C=b"], AtmosFlags(chdir="b")),
        (["-C", "a", "--base-path=b"], AtmosFlags(chdir="a", base_path="b")),
        (["--config=a,b", "--config", "c"], AtmosFlags(config=("a", "b", "c"))),
        (["--config-path", "a"], AtmosFlags(config_path=("a",))),
        (["--profile=x", "--profile", "y,z"], AtmosFlags(profile=("x", "y", "z"))),
        (["--identity", "me", "--no-color"], AtmosFlags()),
        (["--chdir"], AtmosFlags()),
    ],
)
def test_flags_are_read_from_the_line_as_they_were_given(arguments: list[str], flags: AtmosFlags) -> None:
    assert AtmosFlags.parsed(arguments) == flags
