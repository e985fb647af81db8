"""docs/permissions.md: its examples are read as they stand, and its table of keys is whole."""

import os
import re
from pathlib import Path

import pytest

from atmos_ai_sidecar.application.workspace import Run, RunOptions
from atmos_ai_sidecar.composition.configurations import configuration_of
from atmos_ai_sidecar.configuration.policy import read_policy
from atmos_ai_sidecar.configuration.rules import RULE_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SETTINGS = [block for block in BLOCKS if block.startswith("ai:")]
POLICIES = [block for block in BLOCKS if block.startswith("rules:")]


def test_every_block_is_read_by_a_test_below() -> None:
    assert len(SETTINGS) + len(POLICIES) == len(BLOCKS)
    assert SETTINGS
    assert POLICIES


@pytest.mark.parametrize("block", SETTINGS)
def test_settings_of_the_page_are_read_and_their_examples_hold(block: str, tmp_path: Path) -> None:
    (tmp_path / "atmos.yaml").write_text(block)
    run = Run(run_id="", directory=str(tmp_path), environment={"HOME": "/nowhere"})
    config = configuration_of(run, RunOptions(), allow_disabled=True)
    assert config.warnings == ()
    assert config.permissions().rules.rules or "rules:" not in block


@pytest.mark.parametrize("block", POLICIES)
def test_the_policy_of_the_page_is_read(block: str, tmp_path: Path) -> None:
    path = tmp_path.resolve() / "policy.yaml"
    path.write_text(block)
    path.chmod(0o644)
    environment = {"ATMOS_AI_POLICY": str(path)}
    found = read_policy(environment, tmp_path, managed_file=Path("/nowhere"), administrator=os.geteuid())
    assert found.rules


def test_the_table_has_every_key_of_a_rule() -> None:
    table = PAGE.partition("| key | value | holds for a call |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(RULE_KEYS)
