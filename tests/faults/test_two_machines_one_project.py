"""Two sidecars of a team: processes, folders and people of their own, one project on one PostgreSQL."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client, refusal
from tests.faults.teams import other_machine, query, share
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

TERMINATE = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Two people with the project at different places, who share one database."""

    url: str
    ada: Project
    bob: Project


@pytest.fixture
def team(project: Project, model: OfflineModelProcess, new_database: Callable[[], str], tmp_path: Path) -> Team:
    url = new_database()
    share(project, url)
    elsewhere = other_machine(project, tmp_path / "elsewhere" / "infra")
    # The variable that getpass takes first.
    ada, bob = (
        replace(machine, environment={**project.environment, "LOGNAME": name})
        for machine, name in ((project, "ada"), (elsewhere, "bob"))
    )
    return Team(url=url, ada=ada, bob=bob)


@contextmanager
def working(machine: Project) -> Iterator[Client]:
    """A sidecar on that machine, and a client of it."""
    with (
        sidecar_process(directory=machine.directory, environment=machine.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        yield Client(sidecar, channel)


def test_a_turn_on_one_machine_is_seen_live_on_the_other(team: Team, model: OfflineModelProcess) -> None:
    model.add_answers({"steps": ["Half of", {"wait_for": "go on"}, " an answer."]}, "From here.")
    with (
        working(team.ada) as ada,
        working(team.bob) as bob,
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
    with working(team.ada) as ada, ada.attached("shared") as attached:
        attached.say("Count.")
        for number in range(4):
            while str(number) not in attached.text:
                attached.until("text_delta")
            query(team.url, TERMINATE)
            model.open_gate(f"gate {number}")
        assert attached.finished().stop_reason == chat_service_pb2.STOP_REASON_END_TURN
        assert attached.text == "0 1 2 3 end"
        assert attached.seqs == list(range(1, len(attached.seqs) + 1))
        assert ada.texts(ada.id_of("shared")) == ["Count.", "0 1 2 3 end"]
    assert len(query(team.url, "SELECT 1 FROM events WHERE type = 'turn_finished'")) == 1
