"""Values of the configuration that only Atmos can evaluate."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.workspace import Run, RunOptions, Workspace
from atmos_ai_sidecar.composition.projects import list_settings
from atmos_ai_sidecar.composition.workspaces import Workspaces
from atmos_ai_sidecar.errors import AIDisabledError, ConfigurationInvalidError, ProjectUntrustedError

FILES = """\
ai:
  enabled: !exec echo true
  providers:
    anthropic: {model: !exec ./pick-a-model, api_key: !exec pass show key}
  tools: {enabled: false, allowed_tools: [a, !exec echo b]}
  skills: {x: !exec never-needed}
"""
ANSWER = {
    "ai": {
        "enabled": True,
        "providers": {"anthropic": {"model": "picked", "api_key": "sesame"}},
        "tools": {"enabled": False, "allowed_tools": ["a", "b"]},
    }
}


class Place:
    """A project, and a program that stands where atmos is and notes every call."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.resolve()
        self.calls = self.directory / "calls.log"
        self.program = self.directory / "atmos-stand-in"
        self.environment = {
            "HOME": str(self.directory),
            "PATH": "/usr/bin:/bin",
            "ATMOS_AI_ATMOS": str(self.program),
            "ANTHROPIC_API_KEY": "of-the-user",
        }
        clock = SystemClock()
        self.workspaces = Workspaces(
            clock=clock, approvals=Approvals(clock=clock, owner="0" * 16), instance_id="0123456789abcdef"
        )

    def write(self, files: str) -> None:
        (self.directory / "atmos.yaml").write_text(files)

    def answer(self, answer: Any, *, exit_code: int = 0, then: str = "") -> None:
        """Has atmos answer so from now on."""
        (self.directory / "answer.json").write_text(answer if isinstance(answer, str) else json.dumps(answer))
        self.program.write_text(
            f'#!/bin/sh\necho "$@ [$ANTHROPIC_API_KEY]" >> {self.calls}\ncat {self.directory}/answer.json\n'
            f"echo 'it went wrong' >&2\n{then}\nexit {exit_code}\n"
        )
        self.program.chmod(0o755)

    @property
    def run(self) -> Run:
        return Run(run_id="r", directory=str(self.directory), environment=self.environment)

    def open(self, *, trusts: bool = True, needs_trust: bool = True) -> AbstractAsyncContextManager[Workspace]:
        return self.workspaces.open(self.run, RunOptions(trust_project=trusts), needs_trust=needs_trust)

    def asked(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with asyncio.timeout(30):
        place = Place(tmp_path)
        place.write(FILES)
        place.answer(ANSWER)
        yield place
        await place.workspaces.close()


async def test_atmos_is_asked_once_for_all_of_them_and_without_the_models_keys(place: Place) -> None:
    async with place.open() as workspace:
        assert workspace.describe().model == "picked"
        assert [entry.pattern for entry in workspace.permissions.pin().allowed] == ["a", "b"]
        await workspace.check_model()
    assert place.asked() == ["describe config --format json --mask=false []"]


async def test_nothing_is_asked_where_everything_can_be_read(place: Place) -> None:
    place.write("ai: {enabled: true, tools: {enabled: false}, skills: {x: !exec never-needed}}\n")
    async with place.open():
        pass
    assert place.asked() == []


async def test_a_project_that_is_not_trusted_runs_nothing(place: Place) -> None:
    with pytest.raises(ProjectUntrustedError):
        async with place.open(trusts=False):
            pass
    with pytest.raises(ConfigurationInvalidError, match=r"atmos\.yaml:2: ai\.enabled: the function !exec") as caught:
        async with place.open(trusts=False, needs_trust=False):
            pass
    assert "trusted" in caught.value.remedy
    shown = {setting.key: setting for setting in list_settings(place.run, RunOptions())}
    assert shown["ai.enabled"].line == 2
    assert shown["ai.enabled"].value == "(!exec, which Atmos evaluates)"
    assert place.asked() == []


async def test_what_atmos_does_not_know_is_an_error_with_its_place(place: Place) -> None:
    place.write("ai:\n  enabled: true\n  budget:\n    max_steps: !exec echo 3\n")
    words = r"atmos\.yaml:4: ai\.budget\.max_steps: the function !exec .* has no value for it"
    with pytest.raises(ConfigurationInvalidError, match=words):
        async with place.open():
            pass


async def test_an_assistant_that_is_switched_off_by_a_function_is_off(place: Place) -> None:
    place.answer({"ai": {**ANSWER["ai"], "enabled": False}})
    with pytest.raises(AIDisabledError):
        async with place.open():
            pass


async def test_a_value_of_the_wrong_type_names_the_place_of_the_function(place: Place) -> None:
    place.answer({"ai": {**ANSWER["ai"], "enabled": "perhaps"}})
    with pytest.raises(ConfigurationInvalidError, match=r"atmos\.yaml:2: ai\.enabled: expected true or false"):
        async with place.open():
            pass


@pytest.mark.parametrize(
    ("answer", "exit_code", "words"),
    [("{}", 1, "failed: it went wrong"), ("no json", 0, "printed no JSON"), ("[]", 0, "failed: it went wrong")],
)
async def test_an_atmos_that_fails_is_named_with_the_setting(
    place: Place, answer: str, exit_code: int, words: str
) -> None:
    place.answer(answer, exit_code=exit_code)
    with pytest.raises(ConfigurationInvalidError, match=words) as caught:
        async with place.open():
            pass
    assert "ai.enabled (!exec)" in caught.value.message
    assert caught.value.line == 2


async def test_files_that_change_while_atmos_runs_are_not_used(place: Place) -> None:
    place.answer(ANSWER, then=f"echo '# evil' >> {place.directory}/atmos.yaml")
    with pytest.raises(ConfigurationInvalidError, match="changed while"):
        async with place.open():
            pass
