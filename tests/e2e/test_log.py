"""The log of a project and `--debug`, through the real shim."""

import stat
from pathlib import Path

from tests.e2e.conftest import SHIM, Project

CANARY = "canary-8f3kD92jfK2qLw"


def log_of(project: Project) -> Path:
    return Path(project.directory) / ".atmos" / "logs" / "sidecar.log"


def test_log_says_what_ran_and_nothing_that_was_said(demo: Project) -> None:
    question = "What is the CIDR of the VPC in ue1-prod?"
    assert demo.run(SHIM, "ask", question, DEPLOY_TOKEN=CANARY).returncode == 0
    log = log_of(demo)
    text = log.read_text()
    assert "atmos_describe_component succeeded" in text
    assert "ended: end_turn" in text
    assert "ask ended with 0" in text
    assert "CIDR" not in text
    assert "10.20.0.0/16" not in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    ignored = (log.parents[1] / ".gitignore").read_text().splitlines()
    assert {"sessions/", "logs/"} <= set(ignored)


def test_log_says_that_a_command_failed(demo: Project) -> None:
    demo.run(SHIM, "ask", "hello", ANTHROPIC_API_KEY="", ANTHROPIC_BASE_URL="")
    assert "ask ended with 1" in log_of(demo).read_text()


def test_debug_says_more_and_where_the_log_is(demo: Project) -> None:
    plain = demo.run(SHIM, "sessions", "show", CANARY, DEPLOY_TOKEN=CANARY)
    more = demo.run(SHIM, "--debug", "sessions", "show", CANARY, DEPLOY_TOKEN=CANARY)
    assert (plain.returncode, more.returncode) == (1, 1)
    assert "Traceback" not in plain.stderr
    assert plain.stderr.splitlines()[0] == more.stderr.splitlines()[0]
    assert "Reason: SESSION_NOT_FOUND" in more.stderr
    assert "Traceback" in more.stderr
    assert f"Log: {log_of(demo)}" in more.stderr
    text = log_of(demo).read_text()
    assert "SessionNotFoundError: " in text
    assert CANARY not in text


def test_a_run_that_stores_nothing_leaves_no_log(demo: Project) -> None:
    file = Path(demo.directory) / "atmos.yaml"
    file.write_text(file.read_text().replace("sessions:\n    enabled: true", "sessions:\n    enabled: false", 1))
    assert demo.run(SHIM, "--trust-project", "ask", "Which stacks are there?").returncode == 0
    assert not log_of(demo).parents[1].exists()
