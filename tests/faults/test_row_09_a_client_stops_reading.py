"""Row 9: a client reads nothing for a minute while ten megabytes are said to it."""

import sys
import threading
import time
from contextlib import ExitStack

import psutil
import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

QUIET_SECONDS = 60
MAX_GROWTH_BYTES = 20 << 20
SESSIONS = [f"s{number}" for number in range(5)]
"""A turn of each is measured: in one session, what was said before would be sent to the model and shortened there."""
TEXT = "".join(f"{number:09d} " for number in range(200_000))
assert len(SESSIONS) * len(TEXT) == 10_000_000


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_megabytes_that_nobody_reads_for_a_minute_are_kept_and_bounded(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers(*(len(SESSIONS) + 1) * [TEXT])
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
        sidecar.channel() as other,  # a connection of its own, so that who does not read holds up nobody's window
        ExitStack() as streams,
    ):

        def speak(session: str) -> None:
            with Client(sidecar, channel).attached(session, timeout=900) as fast:
                fast.say("Speak.")
                assert fast.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
                assert fast.text == TEXT

        speak("warm-up")  # what a turn of that size costs anyway is no growth
        process = psutil.Process(sidecar.process.pid)
        before = process.memory_info().rss
        begin, highest = time.monotonic(), before
        unread = [streams.enter_context(Client(sidecar, other).attached(name, timeout=900)) for name in SESSIONS]
        for name in SESSIONS:
            speak(name)  # nobody is held up by who does not read
            highest = max(highest, process.memory_info().rss)
        threading.Event().wait(begin + QUIET_SECONDS - time.monotonic())
        highest = max(highest, process.memory_info().rss)
        for slow in unread:
            slow.finished()
            assert slow.text == TEXT
        sys.stdout.write(f"\nrow 9: 10 MB unread for {time.monotonic() - begin:.0f} s, ")
        sys.stdout.write(f"memory {(highest - before) / 1e6:+.1f} MB\n")
        assert highest - before < MAX_GROWTH_BYTES
