"""Row 17: another process holds the write lock. Writers are told, readers are not, and the turn goes on after it."""

import sqlite3
import sys
import threading
import time
from contextlib import closing

import grpc
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client, refusal
from tests.sidecar_process import SidecarProcess, sidecar_process

pytestmark = pytest.mark.e2e
LONG_SECONDS = 30


def wait_for_log(sidecar: SidecarProcess, text: str, seconds: float) -> None:
    """Waits until the sidecar has logged the text."""
    end = time.monotonic() + seconds
    while text not in sidecar.log():
        assert time.monotonic() < end, sidecar.log()
        threading.Event().wait(0.02)


def lock_during_a_turn(project: Project, model: OfflineModelProcess, *, hold_seconds: float) -> None:
    """Locks the database in the middle of a turn until the turn has noticed, and at least so long."""
    model.add_answers({"steps": ["Before.", {"wait_for": "locked"}, " After."]})
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        other = client.create("other")
        client.add(other, "before")
        with client.attached("s") as attached:
            attached.say("Hello?")
            attached.until("text_delta")
            with closing(sqlite3.connect(project.database, isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                begin = time.monotonic()
                model.open_gate("locked")
                code, reason, retry_seconds = refusal(lambda: client.add(other, "during"))
                assert (code, reason) == (grpc.StatusCode.UNAVAILABLE, "STORAGE_BUSY")
                assert retry_seconds > 0
                assert client.texts(other) == ["before"]
                assert client.call("SearchMessages", query="before").hits
                wait_for_log(sidecar, "the session store is busy", 20)
                threading.Event().wait(begin + hold_seconds - time.monotonic())
                assert client.texts(other) == ["before"]
                holder.execute("ROLLBACK")
            finished = attached.finished()
            assert finished.stop_reason == chat_service_pb2.STOP_REASON_END_TURN, finished
            assert attached.text == "Before. After."
            assert attached.seqs == list(range(1, len(attached.seqs) + 1))
        client.add(other, "after")
        assert client.texts(other) == ["before", "after"]
        assert client.texts(client.id_of("s")) == ["Hello?", "Before. After."]


def test_a_lock_of_another_process_is_told_to_writers_and_outlived_by_the_turn(
    project: Project, model: OfflineModelProcess
) -> None:
    project.edit("  sessions:", "  sessions:\n    busy_timeout: 0.1")
    lock_during_a_turn(project, model, hold_seconds=0)


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_lock_of_thirty_seconds_is_outlived_by_the_turn(project: Project, model: OfflineModelProcess) -> None:
    begin = time.monotonic()
    lock_during_a_turn(project, model, hold_seconds=LONG_SECONDS)
    sys.stdout.write(f"\nrow 17: held for {LONG_SECONDS} s, done after {time.monotonic() - begin:.0f} s\n")
