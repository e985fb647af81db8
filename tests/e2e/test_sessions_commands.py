"""Sessions moved, found and removed by commands, as people and scripts run them."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from tests.adapters.atmos_sessions.test_atmos_sessions import TABLES, add_message, add_session
from tests.e2e.conftest import SHIM, Project
from tests.e2e.screen import Screen

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("kept_warm")]


def test_session_is_shown_found_moved_and_comes_back(program: tuple[str, ...], demo: Project) -> None:
    done = demo.run(*program, "exec", "What is the CIDR of the VPC in ue1-prod?", "--session", "mine")
    assert done.returncode == 0, done.stderr
    shown = demo.run(*program, "sessions", "show", "mine")
    assert "What is the CIDR" in shown.stdout
    assert "10.20.0.0/16" in shown.stdout
    assert "mine" in demo.run(*program, "sessions", "search", "cidr").stdout
    assert demo.run(*program, "sessions", "rename", "mine", "ours").returncode == 0
    assert demo.run(*program, "sessions", "export", "ours", "-o", "ours.yaml").returncode == 0
    assert stat.S_IMODE((demo.directory / "ours.yaml").stat().st_mode) == 0o600
    taken = demo.run(*program, "sessions", "import", "ours.yaml")
    assert taken.returncode == 1
    assert "--overwrite" in taken.stderr
    assert demo.run(*program, "sessions", "import", "ours.yaml", "-n", "copy").returncode == 0
    assert demo.run(*program, "sessions", "show", "copy").stdout == shown.stdout
    goes_on = demo.run(*program, "exec", "And in ue1-dev?", "--session", "copy")
    assert "10.10.0.0/16" in goes_on.stdout, goes_on.stderr


def test_sessions_of_atmos_come_over_and_old_ones_are_cleaned(program: tuple[str, ...], demo: Project) -> None:
    demo.run(*program, "sessions", "list")  # makes the folder
    database = demo.database.with_name("sessions.db")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(TABLES)
        for number, name in enumerate(("first", "second"), 1):
            add_session(connection, f"s-{number}", name)
            add_message(connection, f"s-{number}", "user", "How big is it?", number)
    before = database.read_bytes()
    assert "2 imported" in demo.run(*program, "sessions", "import", "--from-atmos").stderr
    assert "2 imported before" in demo.run(*program, "sessions", "import", "--from-atmos").stderr
    assert database.read_bytes() == before
    assert demo.run(*program, "sessions", "export", "--all", "backup").returncode == 0
    assert sorted(path.name for path in (demo.directory / "backup").iterdir()) == ["first.json", "second.json"]
    with closing(sqlite3.connect(demo.database)) as connection, connection:
        connection.execute("UPDATE sessions SET updated_at = '2020' || substr(updated_at, 5) WHERE name = 'first'")
    assert "first" in demo.run(*program, "sessions", "clean", "--dry-run").stdout
    assert "Removed 1 session" in demo.run(*program, "sessions", "clean", "--older-than", "1w").stderr
    listed = json.loads(demo.run(*program, "sessions", "list", "-f", "json").stdout)
    assert [session["name"] for session in listed] == ["second"]


@pytest.mark.parametrize("variant", ["moving", "plain", "chat"])
def test_an_old_store_says_how_far_it_has_come(demo: Project, variant: str) -> None:
    demo.edit("max_sessions: 10", "max_sessions: 10\n    busy_timeout: 60s")
    demo.database.parent.mkdir(parents=True)
    dump = (Path(__file__).parent.parent / "adapters/sqlite/versions/schema_1.sql").read_text()
    with closing(sqlite3.connect(demo.database, isolation_level=None)) as other:
        other.executescript(dump)
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("BEGIN IMMEDIATE")  # the copy can be made, and the next step has to wait
        command = {"moving": ("sessions", "list"), "plain": ("sessions", "list", "--plain"), "chat": ("chat",)}[variant]
        with Screen([SHIM, *command], environment=demo.environment, directory=demo.directory) as screen:
            share = {"moving": r" … \[=== +\] 1 of 6 steps, ", "plain": "… 1 of 6 steps, ", "chat": " 1 of 6 steps, "}
            screen.wait_for(rf"(?i)bringing the stored sessions up to date{share[variant]}\d+ s")
            other.execute("ROLLBACK")
            if variant == "chat":
                screen.wait_for("ready, /help")
                screen.type("\x04")
            assert screen.exit_code() == 0
            if variant == "moving":
                assert "up to date" not in screen.text
            if variant == "plain":
                assert b"\x1b" not in screen.raw


def test_without_auto_save_a_chat_is_stored_by_save_only(demo: Project) -> None:
    demo.edit("max_sessions: 10", "max_sessions: 10\n    auto_save: false")
    chats = {
        "lost": "Which stacks are there?\n/quit\n",
        "kept": "Which stacks are there?\n/model other\n/save\n/quit\n",
    }
    for name, typed in chats.items():
        done = demo.run(SHIM, "chat", "--session", name, stdin=typed)
        assert done.returncode == 0, done.stderr
        assert "Nothing of this is stored until you type /save." in done.stdout + done.stderr
    (listed,) = json.loads(demo.run(SHIM, "sessions", "list", "--format", "json").stdout)
    assert (listed["name"], listed["model"]) == ("kept", "other")
    shown = demo.run(SHIM, "sessions", "show", "kept").stdout
    assert "Which stacks are there?" in shown
    assert "ue1-prod" in shown
