"""Row 18: the disk of the store is full in the middle of a turn: a real disk of 256 KB."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from atmos_ai_sidecar.demo.offline_model.process import OfflineModelProcess
from atmos_ai_sidecar.v1 import chat_service_pb2
from tests.e2e.conftest import Project
from tests.faults.conversations import Client, refusal
from tests.faults.namespaces import SmallDisk, can_mount
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e

KILOBYTES = 256
INTERRUPTED = chat_service_pb2.STOP_REASON_INTERRUPTED


def make_store(project: Project) -> None:
    """Makes the database with one session, because an empty one alone would not find the room to be made."""
    with (
        sidecar_process(directory=project.directory, environment=project.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        client.add(client.create("before"), "stored before")


def test_a_turn_on_a_full_disk_ends_with_its_reason_and_the_service_lives(
    project: Project, model: OfflineModelProcess, tmp_path: Path
) -> None:
    assert can_mount(), "this test needs user and mount namespaces (unshare --user --map-root-user --mount)"
    make_store(project)
    disk = SmallDisk(place=project.database.parent, kilobytes=KILOBYTES, beside=tmp_path / "beside")
    disk.beside.mkdir()
    model.add_answers("x" * 300_000, "Here.")
    with (
        sidecar_process(directory=project.directory, environment=project.environment, prefix=disk.command) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        with client.attached("s") as attached:
            attached.say("Hello?")
            finished = attached.finished()
            assert finished.stop_reason == chat_service_pb2.STOP_REASON_ERROR
            assert finished.reason == "STORAGE_FULL"
            assert "Free some space" in finished.message
        before = client.id_of("before")
        assert client.texts(before) == ["stored before"]
        code, reason, _ = refusal(lambda: client.add(before, "y" * 300_000))
        assert (code.name, reason) == ("RESOURCE_EXHAUSTED", "STORAGE_FULL")
        assert client.texts(before) == ["stored before"]
        assert client.texts(client.id_of("s"))[0] == "Hello?"
        disk.free()
        client.add(before, "stored after")
        with client.attached("s") as attached:
            attached.say("And now?")
            attached.until("turn_finished", lambda event: event.turn_finished.stop_reason != INTERRUPTED)
            assert attached.text == "Here."
    assert finished_turns_of(disk.kept / project.database.name) == ["interrupted", "end_turn"]
    with closing(sqlite3.connect(disk.kept / project.database.name)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []


def finished_turns_of(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT event FROM events WHERE type = 'turn_finished' ORDER BY seq")
        return [json.loads(event)["stop_reason"] for (event,) in rows]
