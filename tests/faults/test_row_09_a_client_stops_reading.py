"""Row 9: a client reads nothing for a minute while ten megabytes are said to it."""

import sys
import threading
import time

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.e2e.test_process_life import finished_turns
from tests.faults.conversations import Client
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

QUIET_SECONDS = 60
MAX_GROWTH_BYTES = 20 << 20
TEXT = "".join(f"{number:09d} " for number in range(1 << 20))
assert len(TEXT) > 10_000_000


@pytest.mark.long
@pytest.mark.timeout(300)
def test_ten_megabytes_that_nobody_reads_for_a_minute_are_kept_and_bounded(
    project: Project, model: OfflineModelProcess
) -> None:
    # The same turn with a reader first: what is left then is what a turn of that size costs anyway.
    pieces = [TEXT[start : start + 65_536] for start in range(0, len(TEXT), 65_536)]
    model.add_answers({"steps": pieces}, {"steps": pieces})
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        process = psutil.Process(sidecar.process.pid)
        with client.attached("read") as attached:
            attached.say("Speak.")
            assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert attached.text == TEXT
        before = process.memory_info().rss
        highest = before
        with client.attached("unread") as attached:
            attached.say("Speak.")
            end = time.monotonic() + QUIET_SECONDS
            while time.monotonic() < end:
                highest = max(highest, process.memory_info().rss)
                threading.Event().wait(0.2)
            assert finished_turns(project) == ["end_turn", "end_turn"]  # nobody held it up
            assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert attached.text == TEXT
        sys.stdout.write(f"\nrow 9: {len(TEXT)} characters unread for {QUIET_SECONDS} s, ")
        sys.stdout.write(f"memory {(highest - before) / 1e6:+.1f} MB\n")
        assert highest - before < MAX_GROWTH_BYTES
