from dataclasses import replace
from pathlib import Path

import pytest

from atmos_ai_sidecar.composition.project_keys import normal_remote, project_key
from atmos_ai_sidecar.configuration import Config, load_configuration
from atmos_ai_sidecar.errors import ConfigurationInvalidError


def configured(directory: Path, sessions: str = "") -> Config:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "atmos.yaml").write_text(f"base_path: .\nai: {{enabled: true, sessions: {{{sessions}}}}}\n")
    return load_configuration(str(directory), {"HOME": str(directory)})


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/acme/infra.git",
        "https://ada:geheim@GitHub.com/acme/infra",
        "git@github.com:acme/infra.git",
        "ssh://git@github.com:22/acme/infra.git",
        "ssh://github.com/acme/infra/",
    ],
)
def test_every_spelling_of_a_remote_gives_one_key(url: str) -> None:
    assert normal_remote(url) == "github.com/acme/infra"


def test_the_setting_beats_the_remote(tmp_path: Path) -> None:
    assert project_key(configured(tmp_path / "infra", "project: ours")) == "ours"


def test_the_key_is_the_remote_and_the_folder_in_the_repository(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / ".git" / "config").write_text(
        '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@github.com:a/b.git\n'
    )
    config = configured(tmp_path / "live" / "infra")
    assert config.git_root == tmp_path
    assert project_key(config) == "github.com/a/b/live/infra"


def test_a_project_without_either_is_told_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalidError, match=r"ai\.sessions\.project"):
        project_key(configured(tmp_path / "infra"))


def test_a_worktree_has_the_key_of_its_repository(tmp_path: Path) -> None:
    main = tmp_path / "main" / ".git"
    (main / "worktrees" / "w").mkdir(parents=True)
    (main / "config").write_text('[remote "origin"]\n\turl = https://host/a/b\n')
    (main / "worktrees" / "w" / "commondir").write_text("../..\n")
    (main / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/w\n")
    config = configured(tmp_path / "w")
    (tmp_path / "w" / ".git").write_text(f"gitdir: {main / 'worktrees' / 'w'}\n")
    assert project_key(replace(config, git_root=tmp_path / "w")) == "host/a/b"


@pytest.mark.parametrize("content", [None, "not a configuration", '[remote "origin"]\n\turl\n'])
def test_a_repository_without_a_remote_is_told_what_to_set(tmp_path: Path, content: str | None) -> None:
    config = configured(tmp_path / "infra")
    (tmp_path / "infra" / ".git").mkdir()
    if content is not None:
        (tmp_path / "infra" / ".git" / "config").write_text(content)
    with pytest.raises(ConfigurationInvalidError, match="origin"):
        project_key(replace(config, git_root=tmp_path / "infra"))
