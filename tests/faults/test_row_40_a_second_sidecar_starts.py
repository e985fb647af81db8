"""Row 40: another sidecar starts on the same store in the middle of a turn, and sees the first one die in the next."""

import signal

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.e2e.test_process_life import finished_turns
from tests.faults.conversations import Client
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

HALF = {"steps": ["Half of", {"wait_for": "go on"}, " an answer."]}


def test_a_turn_goes_on_when_other_sidecars_start_and_its_death_is_told_once(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers(HALF)
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as first,
        first.channel() as first_channel,
        Client(first, first_channel).attached("s") as running,
    ):
        running.say("Hello?")
        running.until("text_delta")
        with (
            sidecar_process(directory=project.directory, environment=project.environment) as second,
            second.channel() as second_channel,
            Client(second, second_channel).attached("s", resume_after_seq=0) as watching,
        ):
            assert watching.attached.turn_in_progress
            watching.until("text_delta")
            assert finished_turns(project) == []
            model.open_gate("go on")
            assert running.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert watching.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert watching.text == running.text == "Half of an answer."
            assert watching.seqs == running.seqs

            # Now the first one dies in its next turn.
            model.add_answers({"steps": ["Lost", {"wait_for": "never"}]})
            running.say("And now?")
            running.until("text_delta")
            watching.until("text_delta")
            first.process.send_signal(signal.SIGKILL)
            first.process.wait(10)
            watching.half_close()
            assert watching.finished().stop_reason == chat_service_pb2.STOP_REASON_INTERRUPTED
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as third,
        third.channel() as third_channel,
    ):
        Client(third, third_channel).texts(Client(third, third_channel).id_of("s"))
    assert finished_turns(project) == ["end_turn", "interrupted"]


def test_a_third_start_after_the_first_was_killed_marks_its_turn_once(
    project: Project, model: OfflineModelProcess
) -> None:
    model.add_answers(HALF)
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as first,
        first.channel() as channel,
        Client(first, channel).attached("s") as running,
    ):
        running.say("Hello?")
        running.until("text_delta")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(10)
    for _ in range(2):
        with (
            sidecar_process(directory=project.directory, environment=project.environment) as later,
            later.channel() as channel,
        ):
            client = Client(later, channel)
            assert client.texts(client.id_of("s")) == ["Hello?", "Half of"]
    assert finished_turns(project) == ["interrupted"]
