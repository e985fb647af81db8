"""Row 20: the sidecar is killed between journal and client, and between a tool's effect and its journal."""

import os
import signal
from pathlib import Path

import grpc
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.e2e.test_process_life import finished_turns, journal
from tests.faults.conversations import Client
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e


def die_at(project: Project, failpoint: str, *, tell_pid: Path | None = None) -> list[int]:
    """Runs a turn in a sidecar that dies at the failpoint, and returns the numbers that its client got."""
    environment = {**project.environment, "ATMOS_AI_FAILPOINTS": failpoint}
    with (
        sidecar_process(directory=project.directory, environment=environment) as sidecar,
        sidecar.channel() as channel,
        Client(sidecar, channel).attached("s") as attached,
    ):
        if tell_pid is not None:
            tell_pid.write_text(str(sidecar.process.pid))
        attached.say("Hello?")
        with pytest.raises(grpc.RpcError):
            attached.finished()
        assert sidecar.process.wait(10) == -signal.SIGKILL
        return attached.seqs


@pytest.mark.parametrize("place", [2, 3], ids=["the start", "the first text"])
def test_what_was_journalled_and_not_sent_is_replayed_once(
    project: Project, model: OfflineModelProcess, place: int
) -> None:
    # The first write to the journal claims the session.
    model.add_answers({"steps": ["One. ", {"wait_for": "never"}]})
    seen = die_at(project, f"journal.committed=kill@{place}")
    journalled = len(journal(project))
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) < journalled
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
        Client(sidecar, channel).attached("s", resume_after_seq=len(seen)) as attached,
    ):
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_INTERRUPTED
        assert attached.seqs == list(range(len(seen) + 1, journalled + 2))
    assert finished_turns(project) == ["interrupted"]


def test_a_tool_that_ran_and_whose_result_was_lost_is_unknown_and_not_run_again(
    project: Project, model: OfflineModelProcess, tmp_path: Path
) -> None:
    project.allow_everything()
    ran, pid = tmp_path / "ran", tmp_path / "pid"
    atmos = tmp_path / "atmos"
    # It kills the sidecar when it has done its work, and before anybody can have read what it says.
    atmos.write_text(f'#!/bin/sh\necho "$@" >> {ran}\ncase "$*" in "terraform plan"*) kill -9 "$(cat {pid})";; esac\n')
    atmos.chmod(0o755)
    project.environment["ATMOS_AI_ATMOS"] = os.fspath(atmos)
    plan = {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}
    model.add_answers({"steps": ["Planning.", {"tool_use": plan}]})
    die_at(project, "", tell_pid=pid)
    runs = [line for line in ran.read_text().splitlines() if line.startswith("terraform plan")]
    assert len(runs) == 1
    model.add_answers("I see.")
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
        Client(sidecar, channel).attached("s") as attached,
    ):
        attached.say("What came of it?")
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
    told = model.requests()[-1]["json"]["messages"]
    (result,) = [block for block in told[2]["content"] if block["type"] == "tool_result"]
    assert "unknown" in str(result["content"])
    assert [line for line in ran.read_text().splitlines() if line.startswith("terraform plan")] == runs
    assert finished_turns(project) == ["interrupted", "end_turn"]
