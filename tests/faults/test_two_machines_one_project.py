"""Two sidecars of a team: processes, folders and people of their own, one project on one PostgreSQL."""

from collections.abc import Callable

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client, refusal
from tests.faults.teams import Team, team_of, working

pytestmark = pytest.mark.e2e

TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@pytest.fixture
def team(project: Project, model: OfflineModelProcess, new_database: Callable[[], str]) -> Team:
    return team_of(project, new_database)


def test_a_turn_on_one_machine_is_seen_live_on_the_other(team: Team, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["Half of", {"wait_for": "go on"}, " an answer."]}, "From here.")
    with (
        working(team.ada) as (_, ada),
        working(team.bob) as (_, bob),
        ada.attached("shared") as of_ada,
        bob.attached("shared", resume_after_seq=0) as of_bob,
    ):
        of_ada.say("Hello?")
        of_bob.until("text_delta")
        assert of_bob.text == "Half of"
        code, reason, _ = refusal(lambda: bob.add(bob.id_of("shared"), "In between."))
        assert (code.name, reason) == ("FAILED_PRECONDITION", "TURN_IN_PROGRESS")
        of_bob.half_close()
        model.open_gate("go on")
        for each in (of_ada, of_bob):
            assert each.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
            assert each.text == "Half of an answer."
        assert list(of_bob.call) == []  # nothing runs any more, so a stream without input ends
        assert of_bob.seqs == of_ada.seqs
        with bob.attached("shared") as goes_on:
            goes_on.say("And here?")
            goes_on.finished()
        assert authors(ada) == authors(bob) == ["ada", "ada", "bob", "bob"]
        (session,) = bob.call("ListSessions").sessions
        assert session.project_path == str(team.bob.directory)
        assert session.author.startswith("ada@")


def authors(client: Client) -> list[str]:
    return [message.author.partition("@")[0] for message in client.messages(client.id_of("shared"))]


def test_a_turn_outlives_lost_connections_and_is_stored_once(team: Team, model: OfflineModelProcess) -> None:
    pieces = [part for number in range(4) for part in (f"{number} ", {"wait_for": f"gate {number}"})]
    model.add_answers({"steps": [*pieces, "end"]})
    with working(team.ada) as (_, ada), ada.attached("shared") as attached:
        attached.say("Count.")
        for number in range(4):
            attached.until("text_delta", lambda event, number=number: str(number) in event.text_delta.text)
            team.rows(TERMINATE)
            model.open_gate(f"gate {number}")
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
        assert attached.text == "0 1 2 3 end"
        assert attached.seqs == list(range(1, len(attached.seqs) + 1))
        assert ada.texts(ada.id_of("shared")) == ["Count.", "0 1 2 3 end"]
    assert team.stop_reasons() == ["end_turn"]
