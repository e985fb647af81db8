"""Row 19: a database that is damaged, foreign, newer, planted, linked, read-only or gone. It is never overwritten."""

import hashlib
import sqlite3
import subprocess
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import grpc
import pytest

from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen
from tests.faults.conversations import Client, refusal
from tests.faults.namespaces import can_mount, read_only
from tests.sidecar_process import sidecar_process

pytestmark = pytest.mark.e2e


@pytest.fixture
def used(demo: Project) -> Project:
    """A project with a session."""
    with (
        sidecar_process(directory=demo.directory, environment=demo.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        client.add(client.create("s"), "stored before")
    return demo


def execute(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[100:4096] = b"\xff" * 3996
    path.write_bytes(content)


def link(path: Path) -> None:
    target = path.with_name("elsewhere.db")
    path.rename(target)
    path.symlink_to(target)


def trigger(path: Path) -> None:
    execute(path, "CREATE TRIGGER planted AFTER INSERT ON messages BEGIN DELETE FROM sessions; END")


CORRUPT = (grpc.StatusCode.DATA_LOSS, "STORAGE_CORRUPT")
UNAVAILABLE = (grpc.StatusCode.FAILED_PRECONDITION, "STORAGE_UNAVAILABLE")
HARMS: dict[str, tuple[Callable[[Path], object], tuple[grpc.StatusCode, str], str]] = {
    "damaged": (damage, CORRUPT, "cannot be trusted"),
    "no database": (lambda path: path.write_bytes(b"My notes about the VPC.\n" * 500), CORRUPT, "not a database"),
    "foreign": (lambda path: execute(path, "CREATE TABLE theirs (a)"), CORRUPT, "'theirs', which is not ours"),
    "a trigger": (trigger, CORRUPT, "trigger 'planted'"),
    "a view": (lambda path: execute(path, "CREATE VIEW planted AS SELECT 1"), CORRUPT, "view 'planted'"),
    "newer": (
        lambda path: execute(path, "PRAGMA user_version = 999"),
        (grpc.StatusCode.FAILED_PRECONDITION, "SCHEMA_TOO_NEW"),
        "Update atmos-ai-sidecar",
    ),
    "a link": (link, UNAVAILABLE, "is a symbolic link"),
}


def contents(folder: Path) -> dict[str, str]:
    """Every file with what identifies its content."""
    return {
        path.name: str(path.readlink()) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.is_file()
    }


def what_is_said(project: Project, prefix: Sequence[str] = ()) -> tuple[tuple[grpc.StatusCode, str], str]:
    """What a fresh sidecar answers to somebody who wants to write, and that it lives after it."""
    with (
        sidecar_process(directory=project.directory, environment=project.environment, prefix=prefix) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        with pytest.raises(grpc.RpcError) as caught:
            client.create("new")
        code, reason, _ = refusal(lambda: client.create("new"))
        return (code, reason), str(caught.value.details())


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_a_database_that_is_not_sound_and_ours_is_refused_by_name_and_left_alone(
    used: Project, harm: tuple[Callable[[Path], object], tuple[grpc.StatusCode, str], str]
) -> None:
    do, expected, words = harm
    do(used.database)
    before = contents(used.database.parent)
    told, message = what_is_said(used)
    assert told == expected
    assert words in message
    assert str(used.database) in message
    assert contents(used.database.parent) == before


def test_a_database_that_is_deleted_while_it_is_open_is_noticed_and_not_made_again(used: Project) -> None:
    with (
        sidecar_process(directory=used.directory, environment=used.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        client = Client(sidecar, channel)
        session_id = client.id_of("s")
        for path in used.database.parent.glob("sidecar.db*"):
            path.unlink()
        for call in (lambda: client.add(session_id, "lost?"), lambda: client.texts(session_id)):
            code, reason, _ = refusal(call)
            assert (code, reason) == UNAVAILABLE
        assert not used.database.exists()
    assert not used.database.exists()


def run(project: Project, *arguments: str, prefix: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (*prefix, SHIM, *arguments),
        cwd=project.directory,
        env=project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )


def test_a_question_is_answered_without_the_store_and_a_script_is_refused(used: Project) -> None:
    do, (_, reason), words = HARMS["newer"]
    do(used.database)
    before = contents(used.database.parent)
    asked = run(used, "ask", "--session", "s", "Which stacks are there?")
    assert asked.returncode == 0, asked.stderr
    assert "ue1-dev" in asked.stdout
    assert "NOT STORED" in asked.stderr
    assert words in " ".join(asked.stderr.split())
    scripted = run(used, "exec", "--format", "json", "Which stacks are there?")
    assert scripted.returncode == 1
    assert reason in scripted.stdout
    refused = run(used, "chat", "--continue")
    assert refused.returncode == 1
    assert words in " ".join(refused.stderr.split())
    assert contents(used.database.parent) == before


@pytest.mark.skipif(not can_mount(), reason="this machine forbids user and mount namespaces")
def test_a_read_only_store_is_a_clear_error_and_a_question_is_answered(used: Project) -> None:
    before = contents(used.database.parent)
    told, message = what_is_said(used, read_only(used.directory))
    assert told == UNAVAILABLE
    assert "Read-only file system" in message
    asked = run(used, "ask", "Which stacks are there?", prefix=read_only(used.directory))
    assert asked.returncode == 0, asked.stderr
    assert "NOT STORED" in asked.stderr
    assert "Read-only file system" in asked.stderr
    assert contents(used.database.parent) == before


def test_a_chat_without_its_store_says_so_first_and_promises_nothing_at_the_end(used: Project) -> None:
    damage(used.database)
    before = contents(used.database.parent)
    with Screen([SHIM, "chat"], environment=used.environment, directory=used.directory) as screen:
        screen.wait_for("ready, /help")
        screen.wait_for("NOT STORED")
        screen.submit("Which stacks are there?")
        screen.wait_for("ue1-dev")
        screen.submit("/save")
        screen.wait_for("/export writes it to a file")
        screen.submit("/quit")
        assert screen.exit_code() == 0
        assert "This session is kept" not in screen.text
    assert contents(used.database.parent) == before
