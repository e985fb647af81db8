"""The organisation's policy: obeyed only when the person who runs the assistant cannot change it."""

import os
from pathlib import Path

import pytest

from atmos_ai_sidecar.configuration.policy import read_policy
from atmos_ai_sidecar.configuration.rules import Rules
from atmos_ai_sidecar.errors import ConfigurationInvalidError

DENY = "{decision: deny, tools: [x]}"
NOWHERE = Path("/nowhere/policy.yaml")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path.resolve() / "policy.yaml"
    path.write_text(f"rules:\n  - {DENY}\n")
    path.chmod(0o644)
    return path


def read(named: Path | str = "", *, managed: Path = NOWHERE) -> Rules:
    environment = {"ATMOS_AI_POLICY": str(named)} if named else {}
    return read_policy(environment, Path("/project"), managed_file=managed, administrator=os.geteuid())


def test_without_a_policy_there_are_no_rules() -> None:
    assert read() == Rules()


@pytest.mark.parametrize(
    "text",
    [f"rules: [{DENY}]", f"- {DENY}", f"ai: {{permissions: {{rules: [{DENY}]}}}}"],
)
def test_a_policy_is_a_list_of_rules_or_has_the_form_of_the_projects_settings(policy: Path, text: str) -> None:
    policy.write_text(text)
    (rule,) = read(policy).rules
    assert rule.is_managed
    assert rule.tools == ("x",)
    assert (rule.file, rule.line) == (str(policy), 1)


def test_the_environment_adds_a_policy_and_takes_none_away(policy: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("- {decision: ask, tools: [y], examples: {match: [y]}}")
    found = read(other, managed=policy)
    assert [rule.tools for rule in found.rules] == [("x",), ("y",)]
    assert [example.text for example in found.examples] == ["y"]
    assert len(read(policy, managed=policy).rules) == 1


@pytest.mark.parametrize("text", ["", "rules:"])
def test_an_empty_policy_has_no_rules(policy: Path, text: str) -> None:
    policy.write_text(text)
    assert read(policy) == Rules()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("deny", "expected a list of rules"),
        ("rule: []", "Did you mean `rules`?"),
        ("ai: {tools: {}}", "Known are permissions."),
        ("rules: [{decision: deny}]", "has no condition"),
        ("rules: [", "policy.yaml:1"),
    ],
)
def test_a_policy_that_is_not_understood_stops_the_start(policy: Path, text: str, words: str) -> None:
    policy.write_text(text)
    with pytest.raises(ConfigurationInvalidError, match=words) as caught:
        read(policy)
    assert caught.value.file == str(policy)


def test_a_policy_that_is_missing_or_named_by_half_stops_the_start(policy: Path) -> None:
    with pytest.raises(ConfigurationInvalidError, match="cannot be read"):
        read(policy.parent / "missing.yaml")
    with pytest.raises(ConfigurationInvalidError, match="absolute path"):
        read("policy.yaml")


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_policy_that_others_can_write_is_refused(policy: Path, mode: int) -> None:
    policy.chmod(mode)
    with pytest.raises(ConfigurationInvalidError, match="can be changed by others"):
        read(policy)


def test_a_policy_in_a_folder_that_others_can_write_is_refused(policy: Path, tmp_path: Path) -> None:
    folder = tmp_path.resolve() / "open"
    folder.mkdir()
    policy.rename(folder / "policy.yaml")
    folder.chmod(0o777)
    link = tmp_path / "link.yaml"
    link.symlink_to(folder / "policy.yaml")
    for path in (folder / "policy.yaml", link):
        with pytest.raises(ConfigurationInvalidError, match="can be changed by others"):
            read(path)
    folder.chmod(0o1777)
    assert read(folder / "policy.yaml").rules, "in a folder like /tmp nobody can replace what is another's"


def test_a_policy_of_another_user_is_refused(policy: Path) -> None:
    status = policy.stat()
    with pytest.raises(ConfigurationInvalidError, match=r"does not belong to the administrator|can be changed"):
        read_policy(
            {"ATMOS_AI_POLICY": str(policy)}, Path("/project"), managed_file=NOWHERE, administrator=status.st_uid + 1
        ) if status.st_uid else _read_as_nobody(policy)


def _read_as_nobody(policy: Path) -> None:
    os.chown(policy, 12345, -1)
    read(policy)
