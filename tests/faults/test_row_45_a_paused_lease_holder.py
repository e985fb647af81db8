"""Row 45: a sidecar is stopped in the middle of a tool, another machine takes its session over, and it goes on."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client
from tests.faults.teams import other_machine, query, share
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

PAUSE_SECONDS = 60
UNKNOWN = "The outcome of this call is unknown"
PLAN = {"name": "atmos_terraform_plan", "input": {"component": "vpc", "stack": "ue1-dev"}}


def use_slow_atmos(project: Project, folder: Path) -> tuple[Path, Path]:
    """A program in the place of atmos whose plans run until they may end.

    Returns:
        The file in which every plan leaves a line, and the file that lets them end.
    """
    ran, may_end, atmos = folder / "ran", folder / "may-end", folder / "atmos"
    wait = f"until [ -e {may_end} ]; do sleep 0.05; done"
    atmos.write_text(f'#!/bin/sh\ncase "$*" in "terraform plan"*) echo x >> {ran}; {wait};; esac\n')
    atmos.chmod(0o700)
    project.environment["ATMOS_AI_ATMOS"] = os.fspath(atmos)
    return ran, may_end


def wait_until(holds: Callable[[], object], seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        threading.Event().wait(0.05)


def pause_and_take_over(
    project: Project, model: OfflineModelProcess, url: str, folder: Path, *, pause_seconds: float
) -> None:
    """Pauses the holder until its lease has run out, and at least so long; another machine goes on in the session."""
    project.allow_everything()
    ran, may_end = use_slow_atmos(project, folder)
    elsewhere = other_machine(project, folder / "elsewhere")
    model.add_answers({"steps": ["Planning.", {"tool_use": PLAN}]})
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as ada,
        ada.channel() as ada_channel,
        Client(ada, ada_channel).attached("s") as paused,
    ):
        paused.say("Plan vpc.")
        wait_until(ran.exists)
        ada.process.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        wait_until(lambda: query(url, "SELECT 1 FROM sessions WHERE lease_expires_at < clock_timestamp()"))
        threading.Event().wait(begin + pause_seconds - time.monotonic())
        model.add_answers("I look first.")
        with (
            sidecar_process(directory=elsewhere.directory, environment=elsewhere.environment) as bob,
            bob.channel() as bob_channel,
            Client(bob, bob_channel).attached("s", resume_after_seq=0) as taking,
        ):
            assert taking.finished().stop_reason == chat_service_pb2.STOP_REASON_INTERRUPTED
            taking.say("And?")
            assert taking.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert UNKNOWN in json.dumps(model.requests()[-1]["json"]["messages"])
            stored = query(url, "SELECT * FROM messages ORDER BY 1")
            journalled = query(url, "SELECT seq, turn_id, type FROM events ORDER BY seq")
            assert sum(UNKNOWN in str(row) for row in stored) == 1

            ada.process.send_signal(signal.SIGCONT)
            assert paused.finished().stop_reason == chat_service_pb2.STOP_REASON_INTERRUPTED
            may_end.touch()
            wait_until(lambda: "lost its hold on the session" in ada.log())
            # Nothing that it wrote was taken, and it sees what the other one has written.
            assert query(url, "SELECT * FROM messages ORDER BY 1") == stored
            assert query(url, "SELECT seq, turn_id, type FROM events ORDER BY seq") == journalled
            assert [seq for seq, *_ in journalled] == list(range(1, len(journalled) + 1))
            assert sum(kind == "turn_finished" for *_, kind in journalled) == 2
            session_id = Client(ada, ada_channel).id_of("s")
            texts = Client(ada, ada_channel).texts(session_id)
            assert texts == Client(bob, bob_channel).texts(session_id)
            assert texts[-2:] == ["And?", "I look first."]
    assert ran.read_text() == "x\n"


@pytest.mark.timeout(120)
def test_a_holder_that_was_stopped_for_longer_than_its_lease_writes_nothing(
    project: Project, model: OfflineModelProcess, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    share(project, url, more="    lease: 3\n")
    pause_and_take_over(project, model, url, tmp_path, pause_seconds=0)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_holder_that_was_stopped_for_sixty_seconds_writes_nothing(
    project: Project, model: OfflineModelProcess, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = new_database()
    share(project, url)
    pause_and_take_over(project, model, url, tmp_path, pause_seconds=PAUSE_SECONDS)
    sys.stdout.write(f"\nrow 45: stopped for {PAUSE_SECONDS} s with a lease of 30 s, and nothing was written\n")
