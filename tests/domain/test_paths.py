import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.paths import Territory, folded, is_secret, matches_glob

PROJECT = Territory(
    directory="/home/ada/infra/live",
    roots=("/home/ada/infra", "/srv/stacks"),
    own=("/home/ada/infra/sessions",),
    hidden=("/home/ada/.local/state/atmos-ai", "/home/ada/infra/keys"),
    configuration=(
        "/home/ada/infra/live/atmos.yaml",
        "/home/ada/infra/live/imported.yaml",
        "/home/ada/infra/conf/more.yaml",
    ),
)


@pytest.mark.parametrize(
    "path",
    [
        ".env", "app/.env.prod", ".ENV", "prod.env", "terraform.tfstate", "x.tfstate.backup", "T.TFSTATE.d", "key.pem",
        "a.key", "id_rsa", "ID_ED25519", ".netrc", ".npmrc", "home/.ssh/known_hosts", ".aws/config", ".git/config",
        ".git-credentials", ".e\u200bnv", "credentials",
    ],
)  # fmt: skip
def test_files_that_usually_hold_secrets_are_known_by_name(path: str) -> None:
    assert is_secret(path)


@pytest.mark.parametrize(
    "path",
    ["", "main.tf", ".env.example", "env.yaml", "environment", "key.tf", "id_rsa.pub", "prod.tfvars", ".git/HEAD"],
)
def test_other_files_are_not_taken_for_secrets(path: str) -> None:
    assert not is_secret(path)


@pytest.mark.parametrize(
    ("glob", "path", "is_match"),
    [
        ("**/*", "a.yaml", True),
        ("**/*", "a/b/c.yaml", True),
        ("**/catalog/**/*", "stacks/catalog/vpc.yaml", True),
        ("**/catalog/**/*", "stacks/deploy/vpc.yaml", False),
        ("*.yaml", "stacks/catalog/vpc.yaml", True),
        ("./*.yaml", "vpc.yaml", True),
        ("stacks/*.yaml", "stacks/catalog/vpc.yaml", False),
        ("stacks/*.yaml", "stacks/vpc.yaml", True),
        ("stacks/**", "stacks/catalog/vpc.yaml", True),
        ("stacks/**/vpc.yaml", "stacks/vpc.yaml", True),
        ("vpc.[ty]*", "vpc.tf", True),
        ("vpc.?f", "vpc.tf", True),
        ("*.YAML", "vpc.yaml", False),
        ("stacks", "stacks/vpc.yaml", False),
    ],
)
def test_globs_match_names_and_folders(glob: str, path: str, is_match: bool) -> None:
    assert matches_glob(path, glob) is is_match


def test_a_hostile_glob_takes_no_time() -> None:
    assert not matches_glob("/".join("a" * 60), "/".join(["**"] * 40 + ["b"]))
    assert not matches_glob("a" * 200, "*a" * 60 + "b")


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/home/ada/infra/live/stacks/a.yaml", ""),
        ("/home/ada/infra/modules/a.tf", ""),
        ("/srv/stacks/a.yaml", ""),
        ("/home/ada/infrastructure/a.yaml", "outside"),
        ("/home/ada/.bashrc", "outside"),
        ("/etc/passwd", "outside"),
        ("/home/ada/INFRA/a.yaml", "outside"),
        ("/home/ada/infra/.git/hooks/pre-commit", "Git"),
        ("/home/ada/infra/modules/.GIT/config", "Git"),
        ("/home/ada/infra/.gi\u200ct/config", "Git"),
        ("/home/ada/infra/live/.atmos/sessions/sidecar.db", "own settings"),
        ("/home/ada/infra/live/.ATMOS/ai.settings.local.json", "own settings"),
        ("/home/ada/infra/sessions/sidecar.db", "own settings"),
        ("/home/ada/infra/Sessions/sidecar.db", "own settings"),
        ("/home/ada/infra/keys/audit", "own settings"),
    ],
)
def test_tools_write_inside_the_project_and_nothing_of_ours(path: str, reason: str) -> None:
    why = PROJECT.why_not_written(path)
    assert reason in why
    assert bool(why) is bool(reason)


def test_a_root_within_gits_own_files_opens_nothing() -> None:
    project = Territory(directory="/home/ada/infra", roots=("/home/ada/infra", "/home/ada/infra/.git/hooks"))
    assert "Git" in project.why_not_written("/home/ada/infra/.git/hooks/pre-commit")


def test_a_project_may_be_in_a_folder_with_the_name_of_ours() -> None:
    assert Territory(directory="/srv/.atmos/x", roots=("/srv/.atmos/x",)).why_not_written("/srv/.atmos/x/a.yaml") == ""


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/home/ada/infra/live/a.yaml", ""),
        ("/etc/hosts", ""),
        ("/proc/self/environ", "processes"),
        ("/sys/kernel", "processes"),
        ("/dev/sda", "processes"),
        ("/home/ada/.local/state/atmos-ai/audit.key", "own keys"),
        ("/home/ada/.local/STATE/atmos-ai/audit.key", "own keys"),
    ],
)
def test_tools_read_everything_but_processes_and_our_keys(path: str, reason: str) -> None:
    why = PROJECT.why_not_read(path)
    assert reason in why
    assert bool(why) is bool(reason)


@pytest.mark.parametrize(
    ("path", "writes", "reason"),
    [
        ("/home/ada/infra/live/stacks/b.yaml", True, ""),
        ("/home/ada/infra/live/a.yaml", False, ""),
        ("/etc/hosts", False, "outside"),
        ("/home/ada/infra/.env", False, "secrets"),
        ("/home/ada/infra/live/atmos.yaml", False, ""),
        ("/home/ada/infra/live/atmos.yaml", True, "configures"),
        ("/home/ada/infra/sub/.ATMOS.yml", True, "configures"),
        ("/home/ada/infra/live/.atmos.d/new.yaml", True, "configures"),
        ("/home/ada/infra/live/imported.yaml", True, "configures"),
        ("/home/ada/infra/live/beside.yaml", True, "configures"),
        ("/home/ada/infra/live/stacks/a.yaml", True, ""),
        ("/home/ada/infra/conf/more.yaml", True, "configures"),
        ("/home/ada/infra/conf/deep/new.YAML", True, "configures"),
        ("/home/ada/infra/conf/readme.md", True, ""),
    ],
)
def test_a_person_is_asked_about_files_outside_secrets_and_configuration(path: str, writes: bool, reason: str) -> None:
    why = PROJECT.why_asked(path, writes=writes)
    assert reason in why
    assert bool(why) is bool(reason)


def test_paths_start_in_the_projects_folder_and_are_shown_so() -> None:
    assert PROJECT.absolute("stacks/a.yaml") == "/home/ada/infra/live/stacks/a.yaml"
    assert PROJECT.absolute("/etc/hosts") == "/etc/hosts"
    assert PROJECT.shown("/home/ada/infra/live/stacks/a.yaml") == "stacks/a.yaml"
    assert PROJECT.shown("/home/ada/infra/modules/a.tf") == "/home/ada/infra/modules/a.tf"


@given(st.text(max_size=40))
def test_folding_twice_changes_nothing_more(name: str) -> None:
    assert folded(folded(name)) == folded(name)
