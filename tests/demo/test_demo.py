import filecmp
import json
import os
import stat
import subprocess
from pathlib import Path

import anthropic
import pytest

from atmos_ai_sidecar.demo.demo import FIRST_PROMPTS, FIRST_QUESTIONS, NOTICE, demo_folder, prepare_demo
from atmos_ai_sidecar.demo.offline_model import offline_model, start_offline_model
from atmos_ai_sidecar.errors import StorageFullError, StorageUnavailableError
from tests.demo.agent import Agent, atmos_tools, file_tools
from tests.demo.replay import DEMO, copy_project


def test_the_demo_gets_its_own_writable_copy_of_the_project(tmp_path: Path) -> None:
    prepared = prepare_demo(tmp_path, "http://127.0.0.1:1")
    assert prepared.project.parent == tmp_path.resolve()
    comparison = filecmp.dircmp(DEMO / "project", prepared.project)
    assert (comparison.left_only, comparison.right_only, comparison.diff_files) == ([], [], [])
    for path in prepared.project.rglob("*"):
        assert path.stat().st_mode & stat.S_IWUSR


def test_its_environment_leads_to_the_replayed_atmos_and_the_offline_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATMOS_BASE_PATH", "/elsewhere")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "a real one")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    with start_offline_model() as model:
        prepared = prepare_demo(tmp_path, model.url)
        environment = prepared.over(os.environ)
        done = subprocess.run(
            [environment["ATMOS_AI_ATMOS"], "describe", "config", "--format", "json"],
            cwd=prepared.project,
            env=environment,
            capture_output=True,
            check=True,
            timeout=10,
        )
        assert json.loads(done.stdout)["basePathAbsolute"] == str(prepared.project)
        assert not {"ATMOS_BASE_PATH", "ANTHROPIC_AUTH_TOKEN", "https_proxy"} & environment.keys()
        monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN")
        base_url, key = environment["ANTHROPIC_BASE_URL"], environment["ANTHROPIC_API_KEY"]
        with anthropic.Anthropic(base_url=base_url, api_key=key) as client:
            message = client.messages.create(
                model="claude-sonnet-5-5", max_tokens=500, messages=[{"role": "user", "content": "help"}]
            )
        assert message.model == "claude-sonnet-5-5"


def test_nothing_of_the_caller_leads_away_from_the_demo_and_its_state_is_its_own(tmp_path: Path) -> None:
    caller = {"ATMOS_AI_PROVIDER": "openai", "ATMOS_AI_MCP": "x", "ATMOS_CONFIG": "/x.yaml", "ATMOS_CONFIG_PATH": "/x"}
    environment = prepare_demo(tmp_path, "http://127.0.0.1:1").over({**caller, "XDG_STATE_HOME": "/nonexistent"})
    assert not caller.keys() & environment.keys()
    assert Path(environment["XDG_STATE_HOME"]).parent == tmp_path.resolve()


def test_a_folder_that_takes_no_copy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fleet").touch()
    with pytest.raises(StorageUnavailableError, match=str(tmp_path)):
        prepare_demo(tmp_path, "http://127.0.0.1:1")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "absent"))
    with pytest.raises(StorageUnavailableError, match="No such file"), demo_folder():
        pass
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with demo_folder() as folder:
        assert folder.parent == tmp_path
    assert not folder.exists()


async def test_an_error_beside_the_offline_model_keeps_its_class() -> None:
    with pytest.raises(StorageFullError):
        async with offline_model():
            raise StorageFullError("full")


def test_the_first_questions_are_answered_without_an_approval() -> None:
    agent = Agent()
    answers = [agent.ask(question) for question in FIRST_QUESTIONS]
    assert "**ue1-dev**, **ue1-prod** and **ue1-staging**" in answers[0]
    assert "10.20.0.0/16" in answers[1]
    assert "no fault" in answers[2]


def test_the_notice_says_in_one_line_what_is_not_real() -> None:
    assert "\n" not in NOTICE
    assert "no language model" in NOTICE
    assert "replay" in NOTICE


def test_every_first_prompt_of_the_chat_is_understood(tmp_path: Path) -> None:
    agent = Agent(tools=atmos_tools() | file_tools(copy_project(tmp_path)))
    for prompt in FIRST_PROMPTS:
        answer = agent.ask(prompt)
        assert agent.calls, prompt
        assert not answer.startswith("I could not"), prompt
    assert FIRST_PROMPTS[: len(FIRST_QUESTIONS)] == FIRST_QUESTIONS
