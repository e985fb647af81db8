import shutil
import subprocess
from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration import AtmosFlags
from atmos_ai_sidecar.errors import ConfigurationInvalidError
from tests.configuration.conftest import ProjectFolder
from tests.configuration.real_atmos import ComparedFolder

DEMO = Path(__file__).parents[2] / "atmos_ai_sidecar" / "demo" / "project"


@pytest.fixture
def project(tmp_path: Path) -> ProjectFolder:
    """A project that a real Atmos reads too, where one is named."""
    folder = tmp_path.resolve() / "project"
    folder.mkdir()
    return ComparedFolder(folder)


def test_the_demo_project_is_read_as_atmos_reads_it(project: ProjectFolder) -> None:
    shutil.copytree(DEMO, project.directory, dirs_exist_ok=True)
    values = project.load().values
    assert values["ai.tools.allowed"] == "atmos_list_*, atmos_describe_*"
    assert values["ai.sessions.path"] == ".atmos/sessions"


def test_every_key_that_both_know_is_read_as_atmos_reads_it(project: ProjectFolder) -> None:
    project.write(EVERY_KEY)
    values = project.load(environment={"LIMIT": "77"}).values
    assert values["ai.providers.anthropic.max_tokens"] == "77"
    assert (values["ai.timeout_seconds"], values["ai.tools.yolo_mode"]) == ("90", "false")


EVERY_KEY = """
ai:
  enabled: true
  default_provider: anthropic
  timeout_seconds: 90
  max_tool_iterations: 7
  providers:
    anthropic: {model: m, max_tokens: !env LIMIT, base_url: "https://models.example.com"}
  sessions: {enabled: false, path: here, max_sessions: 3}
  tools:
    enabled: true
    require_confirmation: true
    allowed: ["a*", b]
    restricted: [c]
    blocked: []
    yolo_mode: false
  instructions: {enabled: false, file: OTHER.md}
"""


def test_drop_ins_lie_below_imports_and_imports_below_the_file(project: ProjectFolder) -> None:
    project.write("ai: {model: drop-in, provider: bedrock, max_tokens: 1}", ".atmos.d/ai.yaml")
    project.write("ai: {model: imported, provider: vertex}", "parts/ai.yaml")
    project.write("import: [parts/*]\nai: {enabled: true, model: own}")
    config = project.load()
    assert config.provider == "vertex"
    assert config.providers["vertex"].model == "own"
    assert config.providers["vertex"].max_tokens == 1
    assert sorted(config.files) == [".atmos.d/ai.yaml", "atmos.yaml", "parts/ai.yaml"]


def test_drop_ins_are_ordered_by_depth_and_name_with_atmos_yaml_first(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    project.write("ai: {provider: a, model: a, max_tokens: 1}", ".atmos.d/atmos.yaml")
    project.write("ai: {provider: b, model: b}", ".atmos.d/b.yaml")
    project.write("ai: {provider: c}", ".atmos.d/a/c.yml")
    project.write("no yaml: [", ".atmos.d/notes.txt")
    config = project.load()
    assert config.provider == "c"
    assert config.providers["c"].model == "b"
    assert config.providers["c"].max_tokens == 1


def test_both_drop_in_folders_also_of_the_repository_root_count(project: ProjectFolder) -> None:
    subprocess.run(["git", "init", "--quiet", str(project.directory)], check=True)
    project.write("ai: {enabled: true, provider: root}", ".atmos.d/a.yaml")
    project.write("commands: []", "sub/atmos.yaml")
    project.write("ai: {provider: sub, model: undotted}", "sub/atmos.d/a.yaml")
    project.write("ai: {provider: dotted}", "sub/.atmos.d/a.yaml")
    config = project.load("sub")
    assert config.enabled
    assert config.provider == "dotted"
    assert config.providers["dotted"].model == "undotted"


def test_lists_are_replaced_between_files_in_either_spelling(project: ProjectFolder) -> None:
    project.write("ai: {tools: {allowed_tools: [below], blocked: [x]}}", ".atmos.d/a.yaml")
    project.write("ai: {enabled: true, tools: {allowed: [above]}}")
    permissions = project.load().permissions()
    assert [entry.pattern for entry in permissions.allowed] == ["above"]
    assert [entry.pattern for entry in permissions.blocked] == ["x"]
    assert permissions.blocked[0].file == ".atmos.d/a.yaml"


def test_an_empty_value_replaces_nothing(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, tools: {blocked: [x]}}", ".atmos.d/a.yaml")
    project.write("ai:\n  tools:\n    blocked:\n")
    config = project.load()
    assert config.enabled
    assert [entry.pattern for entry in config.permissions().blocked] == ["x"]


def test_imports_import_and_a_circle_ends(project: ProjectFolder) -> None:
    project.write("import: b\nai: {enabled: true}")
    project.write("import: [c.yaml]\nai: {model: b}", "b.yaml")
    project.write("import: [b.yaml]\nai: {model: c, provider: bedrock}", "c.yaml")
    config = project.load()
    assert config.providers["bedrock"].model == "b"


def test_imports_are_found_below_the_base_path_first(project: ProjectFolder) -> None:
    project.write("base_path: base\nimport: [x.yaml]\nai: {enabled: true}")
    project.write("ai: {provider: base}", "base/x.yaml")
    project.write("ai: {provider: beside}", "x.yaml")
    assert project.load().provider == "base"


def test_globs_go_into_every_folder_and_come_in_the_order_of_their_names(project: ProjectFolder) -> None:
    project.write("ai: {provider: a, model: a}", "parts/deep/er/a.yaml")
    project.write("ai: {provider: b}", "parts/z.yml")
    project.write("not: [yaml", "parts/deep/notes.txt")
    project.write("import: ['parts/**/*']\nai: {enabled: true}")
    config = project.load()
    assert (config.provider, config.providers["b"].model) == ("b", "a")
    assert sorted(config.files) == ["atmos.yaml", "parts/deep/er/a.yaml", "parts/z.yml"]


def test_a_base_path_at_the_root_of_the_repository_is_known(project: ProjectFolder) -> None:
    subprocess.run(["git", "init", "--quiet", str(project.directory)], check=True)
    project.write("base_path: !repo-root\nai: {enabled: true}", "sub/atmos.yaml")
    config = project.load("sub")
    assert config.base_path == project.directory
    assert config.unevaluated == ()


def test_imports_that_are_remote_or_missing_are_reported(project: ProjectFolder) -> None:
    project.write("import:\n  - https://example.com/atmos.yaml\n  - nothing/*.yaml\nai: {enabled: true}")
    first, second = project.load().warnings
    assert first.endswith("atmos.yaml:2: the import 'https://example.com/atmos.yaml' is remote and not read.")
    assert second.endswith("atmos.yaml:3: the import 'nothing/*.yaml' matches no file.")


def test_imports_that_go_on_for_ever_are_refused(project: ProjectFolder) -> None:
    project.write("import: [f0.yaml]")
    for number in range(12):
        project.write(f"import: [f{number + 1}.yaml]", f"f{number}.yaml")
    with pytest.raises(ConfigurationInvalidError, match="deeper than 10 files"):
        project.load()


def test_an_import_that_is_no_path_names_its_line(project: ProjectFolder) -> None:
    project.write("ai: {}\nimport: [{a: b}]")
    with pytest.raises(ConfigurationInvalidError, match="expected a list of paths") as caught:
        project.load()
    assert caught.value.line == 2


def test_a_broken_drop_in_stops_the_start(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    path = project.write("commands: [", ".atmos.d/broken.yaml")
    with pytest.raises(ConfigurationInvalidError) as caught:
        project.load()
    assert caught.value.file == str(path)


def test_local_files_are_included_and_belong_to_the_project(project: ProjectFolder) -> None:
    project.write("ai: !include parts/ai.yaml\nsettings: !include parts/settings.yaml")
    project.write("enabled: true\ntools: !include tools.yaml", "parts/ai.yaml")
    project.write("blocked: [x]", "parts/tools.yaml")
    project.write("ai: {provider: !env P bedrock}", "parts/settings.yaml")
    config = ProjectFolder(project.directory).load()  # not compared: Atmos leaves an include within an include alone
    assert config.enabled
    assert config.provider == "bedrock"
    assert config.permissions().blocked[0].file == "parts/tools.yaml"
    assert len(config.files) == 4


def test_includes_that_go_in_a_circle_are_refused(project: ProjectFolder) -> None:
    project.write("ai: !include a.yaml")
    project.write("tools: !include a.yaml", "a.yaml")
    with pytest.raises(ConfigurationInvalidError, match="deeper than 10 files"):
        project.load()


def test_a_remote_include_where_we_read_is_an_error(project: ProjectFolder) -> None:
    project.write("ai: !include https://example.com/ai.yaml")
    with pytest.raises(ConfigurationInvalidError, match="ai: the function !include is not evaluated here"):
        project.load()


def test_profiles_lie_on_top_in_their_order(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, provider: own, model: own, max_tokens: 1}")
    project.write("ai: {provider: one, model: one}", "profiles/one/ai.yaml")
    project.write("ai: {provider: two}", ".atmos/profiles/two/atmos.yaml")
    config = project.load(flags=AtmosFlags(profile=["one,two"]))
    assert config.provider == "two"
    assert config.providers["two"].model == "one"
    assert config.providers["two"].max_tokens == 1
    assert project.load(environment={"ATMOS_PROFILE": "one"}).provider == "one"


def test_the_default_profile_and_its_folder_come_from_the_file(project: ProjectFolder) -> None:
    project.write("profiles: {default: dev, base_path: mine}\nai: {enabled: true}")
    project.write("ai: {provider: dev}", "mine/dev/x.yaml")
    assert project.load().provider == "dev"


def test_profiles_of_the_user_are_found(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    project.write("ai: {provider: mine}", "home/.config/atmos/profiles/dev/x.yaml")
    assert project.load(flags=AtmosFlags(profile=["dev"])).provider == "mine"


def test_a_profile_that_does_not_exist_is_an_error_with_the_places(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    with pytest.raises(ConfigurationInvalidError, match=r"profile 'nobody' is in none of .*\.atmos/profiles") as caught:
        project.load(environment={"ATMOS_PROFILE": "nobody"})
    assert "ATMOS_PROFILE" in caught.value.remedy


def test_a_profile_replaces_lists_and_unites_nothing(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true, tools: {allowed: [a], blocked: [x]}}")
    project.write("ai: {tools: {allowed: [b], blocked: [y]}}", "profiles/dev/ai.yaml")
    permissions = project.load(flags=AtmosFlags(profile=["dev"])).permissions()
    assert [entry.pattern for entry in permissions.allowed] == ["b"]
    assert [entry.pattern for entry in permissions.blocked] == ["y"]


def test_the_digests_change_with_every_byte_also_of_what_atmos_remembers(project: ProjectFolder) -> None:
    project.write("ai: {enabled: true}")
    before = project.load().files
    project.write("ai: {enabled: true} ")
    project.write("{}", ".atmos/ai.settings.local.json")
    after = project.load().files
    assert before["atmos.yaml"] != after["atmos.yaml"]
    assert sorted(after) == [".atmos/ai.settings.local.json", "atmos.yaml"]
