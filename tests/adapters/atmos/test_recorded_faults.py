"""Every recorded fault of a real Atmos, through the tool that runs the recorded command."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from atmos_ai_sidecar.domain.outputs import plain
from tests.adapters.atmos.conftest import DEMO, Open

RECORDED: Sequence[Mapping[str, Any]] = [
    json.loads(line) for line in (DEMO / "recordings" / "cli.jsonl").read_text().splitlines()
]
FAULTS = [recording for recording in RECORDED if recording["scenario"]]


def call_of(argv: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """The tool and the input that run a recorded command."""
    match list(argv[:5]):
        case ["validate", "component" | "stacks" as kind, *_]:
            values = {"component": argv[2], "stack": argv[4]} if kind == "component" else {}
            return f"atmos_validate_{kind}", values
        case ["list", "stacks", *_]:
            return "atmos_list_stacks", {"format": "json"}
        case ["describe", "component", component, "-s", stack]:
            return "atmos_describe_component", {"component": component, "stack": stack}
        case ["terraform", "plan", component, "-s", stack]:
            return "atmos_terraform_plan", {"component": component, "stack": stack}
        case ["describe", "affected", "--base", base, *_]:
            return "atmos_describe_affected", {"base": base, "include_dependents": "--include-dependents" in argv}
    raise AssertionError(argv)


def label(recording: Mapping[str, Any]) -> str:
    return f"{recording['scenario']}: {' '.join(recording['argv'][:5])}"


@pytest.mark.parametrize("recording", FAULTS, ids=label)
async def test_a_recorded_fault_is_told_in_atmos_own_words(open_project: Open, recording: Mapping[str, Any]) -> None:
    name, values = call_of(recording["argv"])
    project = open_project(recording["scenario"])
    result = await project.call(name, **values)
    assert result.success is (recording["exit_code"] == 0)
    assert "\x1b" not in result.output
    if result.success:
        return
    assert result.exit_code == recording["exit_code"]
    assert result.error
    said = plain(recording["stderr"] or recording["stdout"]).splitlines()
    longest = max(said, key=len).removeprefix("**Error:**").strip()
    assert longest.replace("{project}", str(project.directory)) in result.output


def test_every_scenario_is_tried() -> None:
    assert {recording["scenario"] for recording in FAULTS} >= {
        "affected", "bad-cidr", "broken-yaml", "missing-import", "no-project", "single-az-database", "terraform-error",
        "wrong-type",
    }  # fmt: skip


async def test_expired_credentials_end_with_what_to_do(open_project: Open) -> None:
    project = open_project()
    program = project.directory.parent / "atmos-expired"
    program.write_text(
        '#!/bin/sh\ncase "$*" in *"terraform plan"*)\n'
        'echo "Error: ExpiredToken: the security token included in the request is expired" >&2; exit 1;; esac\n'
        f'exec {project.atmos.executable} "$@"\n'
    )
    program.chmod(0o700)
    project.atmos = dataclasses.replace(project.atmos, executable=str(program))
    result = await project.call("atmos_terraform_plan", component="vpc", stack="ue1-dev")
    assert not result.success
    assert "ExpiredToken" in result.output
    assert "run `atmos auth login`, then /retry" in result.output
