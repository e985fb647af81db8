import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.atmos_sessions.texts import WELCOME, parsed_time, without_footer
from atmos_ai_sidecar.adapters.storage.values import UnreadableError
from atmos_ai_sidecar.domain.sessions import ContextItem
from atmos_ai_sidecar.errors import StorageCorruptError, StorageUnavailableError

PROJECT = "/home/ada/infra"
NOON = datetime(2026, 8, 21, 12, 0, tzinfo=UTC)
GO_TIME = "2026-08-21 12:00:00.123456789 +0000 UTC m=+0.012345678"
FOOTER = "\n\n---\n*Token usage: 12 input, 3 output*"
TABLES = """
    CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT, project_path TEXT, model TEXT, provider TEXT,
        skill TEXT DEFAULT '', created_at TIMESTAMP, updated_at TIMESTAMP, metadata TEXT);
    CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT, role TEXT, content TEXT,
        created_at TIMESTAMP, archived BOOLEAN DEFAULT 0);
    CREATE TABLE session_context (session_id TEXT, context_type TEXT, context_key TEXT, context_value TEXT);
    CREATE TABLE message_summaries (id TEXT PRIMARY KEY, session_id TEXT, provider TEXT, original_message_ids TEXT,
        message_range TEXT, summary_content TEXT, token_count INTEGER, compacted_at TIMESTAMP);
"""


def add_session(connection: sqlite3.Connection, session_id: str, name: str, project: str = ".") -> None:
    connection.execute(
        "INSERT INTO sessions VALUES (?, ?, ?, 'claude', 'anthropic', 'atmos-stacks', ?, ?, ?)",
        (session_id, name, project, GO_TIME, GO_TIME, '{"a": 1}'),
    )


def add_message(connection: sqlite3.Connection, session_id: str, role: str, content: str, second: int) -> None:
    connection.execute(
        "INSERT INTO messages (session_id, role, content, created_at, archived) VALUES (?, ?, ?, ?, ?)",
        (session_id, role, content, f"2026-08-21 12:00:{second:02} +0000 UTC", second < 2),
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database as Atmos leaves it."""
    path = tmp_path / "sessions.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
        add_session(connection, "s-1", "vpc")
        add_message(connection, "s-1", "assistant", f"{WELCOME} 👽\n\nI'm here to help", 0)
        add_message(connection, "s-1", "user", "How big is it?", 1)
        add_message(connection, "s-1", "system", "a note", 2)
        add_message(connection, "s-1", "assistant", f"Größe: 16.{FOOTER}", 3)
        connection.execute("INSERT INTO session_context VALUES ('s-1', 'stack', 'ue1', NULL)")
        connection.execute("INSERT INTO message_summaries VALUES ('m-1', 's-1', '', '[1]', '1-1', 'Sum', 3, 'x')")
        add_session(connection, "s-2", "theirs", "/home/bob")
        add_session(connection, "s-3", "empty", PROJECT)
    return path


async def test_sessions_of_the_project_are_read_without_welcome_footer_and_notes(path: Path) -> None:
    found = {session.identity: session.checkpoint for session in await AtmosSessions(path, PROJECT).read()}
    assert set(found) == {"s-1", "s-3"}
    checkpoint = found["s-1"]
    assert [message.text for message in checkpoint.messages] == ["How big is it?", "Größe: 16."]
    assert (checkpoint.name, checkpoint.skill, checkpoint.metadata) == ("vpc", "atmos-stacks", {"a": "1"})
    assert checkpoint.create_time == NOON.replace(microsecond=123456)
    assert checkpoint.archived_messages == 2
    assert checkpoint.context_items == (
        ContextItem(context_type="stack", context_key="ue1", context_value=""),
        ContextItem(context_type="atmos_summary", context_key="m-1", context_value="Sum"),
    )
    assert found["s-3"].messages == ()


async def test_nothing_is_written_also_while_atmos_holds_the_database(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as atmos:
        atmos.execute("BEGIN IMMEDIATE")
        add_message(atmos, "s-1", "user", "And now?", 4)
        atmos.execute("COMMIT")
        atmos.execute("BEGIN IMMEDIATE")
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        sessions = await AtmosSessions(path, PROJECT).read()
        assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before
        atmos.execute("ROLLBACK")
    assert sessions[0].checkpoint.messages[-1].text == "And now?"


async def test_a_database_of_an_older_atmos_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sessions.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("""
            CREATE TABLE sessions (id TEXT, name TEXT, project_path TEXT, model TEXT, provider TEXT,
                created_at TIMESTAMP, updated_at TIMESTAMP, metadata TEXT);
            CREATE TABLE messages (id INTEGER, session_id TEXT, role TEXT, content TEXT, created_at TIMESTAMP);
            INSERT INTO sessions VALUES ('s', 'n', '', 'm', 'p', '2026-08-21 12:00:00', '2026-08-21 12:00:00', NULL);
            INSERT INTO messages VALUES (1, 's', 'user', 'hi', '2026-08-21 12:00:00');
        """)
    (session,) = await AtmosSessions(path, PROJECT).read()
    assert [message.text for message in session.checkpoint.messages] == ["hi"]
    assert not session.archived


async def test_without_a_database_there_are_no_sessions(tmp_path: Path) -> None:
    assert await AtmosSessions(tmp_path / "sessions.db", PROJECT).read() == ()


async def test_what_is_no_database_of_atmos_is_a_clear_error(path: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.db"
    strange.write_bytes(b"not a database" * 100)
    with pytest.raises(StorageCorruptError, match=r"strange\.db"):
        await AtmosSessions(strange, PROJECT).read()
    strange.write_bytes(b"")
    with pytest.raises(StorageCorruptError, match="sessions"):
        await AtmosSessions(strange, PROJECT).read()
    link = tmp_path / "link.db"
    link.symlink_to(path)
    with pytest.raises(StorageUnavailableError, match="link"):
        await AtmosSessions(link, PROJECT).read()


@pytest.mark.parametrize(
    "text",
    [
        "2026-08-21 12:00:00 +0000 UTC",
        "2026-08-21 12:00:00 +0000 UTC m=+0.01",
        "2026-08-21 12:00:00.000 +0000 UTC m=-3.5",
        "2026-08-21 14:00:00 +0200 CEST",
        "2026-08-21 14:00:00 +0200 CEST m=+12.000000001",
        "2026-08-21 09:00:00 -0300 -03",
        "2026-08-21 17:30:00.0 +0530 IST",
        "2026-08-21T12:00:00Z",
        "2026-08-21T14:00:00.000000000+02:00",
        "2026-08-21 12:00:00",
        "2026-08-21 12:00",
        "2026-08-21 12:00:00+00:00",
        1787313600,
        1787313600.0,
        1787313600000,
    ],
)
def test_every_format_of_a_time_is_read(text: object) -> None:
    assert parsed_time(text) == NOON


@pytest.mark.parametrize(
    "text", ["", "noon", "2026-13-01 00:00:00", "2026-08-21 12:00:00 nonsense nonsense", None, 1e300]
)
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(UnreadableError):
        parsed_time(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Yes.{FOOTER}", "Yes."),
        (f"Yes.{FOOTER}\n", "Yes."),
        ("a\n---\nb", "a\n---\nb"),
        (f"quoted{FOOTER}\nand more", f"quoted{FOOTER}\nand more"),
    ],
)
def test_only_a_footer_at_the_end_is_taken_away(text: str, expected: str) -> None:
    assert without_footer(text) == expected
