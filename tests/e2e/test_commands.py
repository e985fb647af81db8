"""Commands as scripts run them: exit codes, streams, errors; behind the shim and without it."""

import json
import os
import re
import stat
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import ROOT, Project

pytestmark = pytest.mark.e2e


def test_exec_prints_the_answer_and_nothing_else(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "Which stacks are there?")
    assert done.returncode == 0, done.stderr
    assert all(stack in done.stdout for stack in ("ue1-dev", "ue1-prod", "ue1-staging"))
    assert done.stderr == ""


def test_ask_takes_its_question_from_words_and_from_a_pipe(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "ask", "What", "is", "the", "CIDR", "of", "the", "VPC", "in", "ue1-prod?")
    assert done.returncode == 0, done.stderr
    assert "10.20.0.0/16" in done.stdout
    piped = demo.run(*program, "ask", stdin="What is the CIDR of the VPC in ue1-dev?")
    assert "10.10.0.0/16" in piped.stdout


def test_exec_as_json_tells_calls_tokens_and_session(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "Validate the stacks.", "--format", "json", "--session", "checks")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["success"] is True
    assert [call["tool"] for call in told["tool_calls"]] == ["atmos_validate_stacks"]
    assert told["tool_calls"][0]["success"] is True
    assert told["tokens"]["total"] == told["tokens"]["prompt"] + told["tokens"]["completion"]
    assert told["metadata"]["stop_reason"] == "end_turn"
    assert told["metadata"]["tools_enabled"] is True
    assert told["error"] is None
    assert "checks" in demo.run(*program, "sessions", "list").stdout


def test_call_that_needs_approval_exits_with_3_and_is_listed(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "Plan the database in ue1-prod.", "-f", "json")
    assert done.returncode == 3
    (needed,) = json.loads(done.stdout)["approvals_needed"]
    assert (needed["tool"], needed["args"]["stack"]) == ("atmos_terraform_plan", "ue1-prod")
    plain = demo.run(*program, "exec", "Plan the database in ue1-prod.")
    assert plain.returncode == 3
    assert "plan database in ue1-prod" in plain.stderr


def test_plan_that_is_allowed_answers_with_its_counts(program: tuple[str, ...], demo: Project) -> None:
    demo.allow_everything()
    done = demo.run(*program, "exec", "Plan the database in ue1-prod.", "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert "1 to add, 0 to change, 0 to destroy" in told["response"]
    assert "demo-password-not-a-secret" not in done.stdout
    assert not list(demo.directory.rglob("*.planfile"))


def test_second_exec_in_a_session_sends_the_first_one_too(program: tuple[str, ...], demo: Project) -> None:
    demo.run(*program, "exec", "What is the CIDR of the VPC in ue1-prod?", "--session", "s")
    done = demo.run(*program, "exec", "And in ue1-dev?", "--session", "s")
    assert "10.10.0.0/16" in done.stdout, done.stderr


def test_sessions_are_listed_and_deleted(program: tuple[str, ...], demo: Project) -> None:
    demo.run(*program, "exec", "Which stacks are there?", "--session", "mine")
    listed = json.loads(demo.run(*program, "sessions", "list", "--format", "json").stdout)
    assert [session["name"] for session in listed] == ["mine"]
    assert demo.run(*program, "sessions", "delete", "mine").returncode == 0
    missing = demo.run(*program, "sessions", "delete", "mine")
    assert missing.returncode == 1
    assert "no session 'mine'" in missing.stderr


def test_store_is_private(program: tuple[str, ...], demo: Project) -> None:
    demo.run(*program, "sessions", "list")
    assert stat.S_IMODE(demo.database.stat().st_mode) == 0o600
    assert stat.S_IMODE(demo.database.parent.stat().st_mode) == 0o700


def test_untrusted_project_runs_nothing_and_exits_with_5(program: tuple[str, ...], demo: Project) -> None:
    del demo.environment["ATMOS_AI_TRUST_PROJECT"]
    done = demo.run(*program, "exec", "Which stacks are there?")
    assert done.returncode == 5
    assert "--trust-project" in done.stderr
    assert demo.run(*program, "exec", "Which stacks are there?", "--trust-project").returncode == 0


def test_disabled_assistant_says_where_it_is_switched_off(program: tuple[str, ...], demo: Project) -> None:
    demo.edit("ai:\n  enabled: true", "ai:\n  enabled: false")
    done = demo.run(*program, "exec", "Hello")
    assert done.returncode == 1
    assert "atmos.yaml" in done.stderr
    assert "ai.enabled" in done.stderr


def test_broken_configuration_names_file_and_line(program: tuple[str, ...], demo: Project) -> None:
    demo.edit("max_sessions: 10", "max_sessions: many")
    done = demo.run(*program, "exec", "Hello", "--format", "json")
    line = (demo.directory / "atmos.yaml").read_text().splitlines().index("    max_sessions: many") + 1
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error["type"] == "CONFIGURATION_INVALID"
    assert f"atmos.yaml:{line}" in error["message"]


def test_missing_key_is_told_before_anything_is_asked(program: tuple[str, ...], demo: Project) -> None:
    del demo.environment["ANTHROPIC_API_KEY"], demo.environment["ANTHROPIC_BASE_URL"]
    done = demo.run(*program, "exec", "Hello", "--format", "json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert told["error"]["type"] == "MODEL_NOT_CONFIGURED"
    assert "ANTHROPIC_API_KEY" in told["error"]["message"]
    assert demo.run(*program, "sessions", "list").returncode == 0


def test_missing_atmos_names_the_three_places_to_look(program: tuple[str, ...], demo: Project, tmp_path: Path) -> None:
    del demo.environment["ATMOS_AI_ATMOS"]
    demo.environment["PATH"] = str(tmp_path)
    demo.environment["ATMOS_AI_PYTHON"] = str(Path(sys.prefix, "bin", "python"))
    done = demo.run(*program, "exec", "Hello")
    assert done.returncode == 1
    assert all(word in done.stderr for word in ("ATMOS_AI_ATMOS", "ATMOS_CLI_PATH", "PATH"))


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nonsense"], "nonsense"),
        (["exec"], "question"),
        (["exec", "x", "--format", "xml"], "xml"),
        (["sessions", "delete"], "NAME"),
        (["--no-such-flag", "exec", "x"], "--no-such-flag"),
    ],
)
def test_wrong_usage_exits_with_2(program: tuple[str, ...], demo: Project, arguments: list[str], word: str) -> None:
    done = demo.run(*program, *arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("name", ["a/b", "..", "tab\there", "\u202eevil"])
def test_session_name_that_cannot_be_used_is_refused(program: tuple[str, ...], demo: Project, name: str) -> None:
    done = demo.run(*program, "exec", "Hello", "--session", name)
    assert done.returncode in {1, 2}
    assert "name" in done.stderr
    assert "\u202e" not in done.stderr


def test_read_only_atmos_folder_is_one_clear_error(program: tuple[str, ...], demo: Project) -> None:
    (demo.directory / ".atmos").write_text("a file where the folder belongs")
    done = demo.run(*program, "exec", "Hello")
    assert done.returncode == 1
    assert ".atmos" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_stack_is_told_to_the_model_and_by_it(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "Describe vpc in ue1-qa", "--format", "json")
    assert "Traceback" not in done.stderr
    assert done.returncode == 0


def test_init_shows_and_writes_the_custom_command(program: tuple[str, ...], demo: Project) -> None:
    asked = demo.run(*program, "init")
    assert asked.returncode == 1
    assert not (demo.directory / ".atmos.d").exists()
    done = demo.run(*program, "init", "--yes")
    assert done.returncode == 0, done.stderr
    written = (demo.directory / ".atmos.d" / "ai-sidecar.yaml").read_text()
    assert "atmos-ai {{ .TrailingArgs }}" in written
    assert written.splitlines()[0] in done.stdout


def test_demo_without_a_terminal_asks_three_questions(program: tuple[str, ...], project: Project) -> None:
    project.environment.pop("ATMOS_AI_TRUST_PROJECT")
    done = project.run(*program, "demo")
    assert done.returncode == 0, done.stderr
    assert "offline" in done.stdout.splitlines()[0]
    assert "10.20.0.0/16" in done.stdout
    assert done.stdout.count("> ") == 3
    transcript = re.search(r"(?s)````text\n(.*?)````", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert transcript is not None
    assert done.stdout.strip() == transcript[1].strip()


def test_closed_reader_ends_the_command_quietly(program: tuple[str, ...], demo: Project) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = demo.run(*program, "exec", "Which stacks are there?", stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def test_completion_scripts_are_written_where_the_document_says_in_a_new_home(demo: Project) -> None:
    text = (ROOT / "docs" / "getting-started.md").read_text()
    (block,) = re.findall(r"```sh\n([^`]*atmos-ai completion[^`]*)```", text)
    demo.environment["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), demo.environment["PATH"]))
    done = demo.run("/bin/sh", "-e", "-c", block)
    assert done.returncode == 0, done.stderr
    written = [path for path in demo.home.rglob("*atmos-ai*") if path.is_file()]
    assert {path.name for path in written} >= {"atmos-ai", "_atmos-ai", "atmos-ai.fish"}
    assert all("completion" in path.read_text() for path in written)
