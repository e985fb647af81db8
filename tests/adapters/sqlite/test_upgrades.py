"""Databases of every earlier version, with data in them. ``versions/schema_N.sql`` is a dump that version N wrote."""

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.sqlite.migrations import MIGRATIONS
from atmos_ai_sidecar.domain.audit import AuditRow
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.requests import Answer
from tests.adapters.sqlite.conftest import Opened
from tests.contracts.drafts import PROJECT, draft, permission_request, texts, user
from tests.contracts.test_approval_store import settlement

DUMPS = Path(__file__).with_name("versions")
VERSIONS = [step.version for step in MIGRATIONS[:-1]]
WITH_LATER_TABLES = 4
"""From this version on the dumps hold tool outputs and a summary."""
WITH_AUDIT = 5
BEFORE_DATA_CHANGES = [version for version in VERSIONS if any(step.changes_data for step in MIGRATIONS[version:])]


def write_database(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((DUMPS / f"schema_{version}.sql").read_text(encoding="utf-8"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_database_of_an_earlier_version_keeps_its_data(opened: Opened, path: Path, version: int) -> None:
    write_database(path, version)
    async with opened() as store:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        messages = await store.newest_messages(session.id, 0)
        assert texts(messages) == ["Which subnets does vpc have?", "Three subnets."]
        assert messages[1].blocks[1] == ToolCall(id="toolu_1", name="atmos_list_stacks", input={"a": 1})
        assert messages[1].usage is not None
        assert await store.create_session(draft("vpc-refactor", request_id="r-1")) == session
        assert [item.context_value for item in await store.list_context_items(session.id)] == ["b"]
        assert [turn.turn_id for turn in await store.open_turns()] == ["turn-1"]
        events = await store.read_events(session.id, after_seq=0, limit=10)
        assert [item.event for item in events] == [TextDelta(text="Three")]
        assert await store.get_request("p-1") == permission_request("p-1", session_id=session.id)
        assert (await store.settle_request("p-1", settlement(Answer.ALLOW_ONCE))).outcome is Answer.ALLOW_ONCE
        found = await store.search_messages(PROJECT, ["subnets"], limit=10)
        assert [hit.session_name for hit in found.hits] == ["vpc-refactor", "vpc-refactor"]
        if version >= WITH_LATER_TABLES:
            output = await store.read_output(session.id, "toolu_1", offset=0, limit=10)
            assert output is not None
            assert output.text == "dev\n"
            compaction = await store.newest_compaction(session.id)
            assert compaction is not None
            assert compaction.summary == "They asked for subnets."
            assert (await store.compaction_usage(session.id)).input_tokens == 7
        if version >= WITH_AUDIT:
            entry = AuditRow(chain="chain-1", number=1, entry='{"what":"test"}', code="c0de")
            assert list(await store.audit_rows("chain-1", after=0, limit=10)) == [entry]
        (added,) = await store.append_messages(session.id, [replace(user("Thanks"), author="ada")])
        assert added.author == "ada"
        assert (await store.newest_messages(session.id, 1))[0] == added
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@pytest.mark.parametrize("version", BEFORE_DATA_CHANGES)
async def test_before_data_changes_the_file_is_copied_once_and_privately(
    opened: Opened, path: Path, version: int
) -> None:
    write_database(path, version)
    async with opened():
        pass
    copy = path.with_name(f"{path.name}.schema-{version}")
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name, copy.name]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
        assert connection.execute("SELECT count(*) FROM messages").fetchone() == (3,)


async def test_a_copy_that_is_there_is_never_replaced(opened: Opened, path: Path) -> None:
    write_database(path, 1)
    copy = path.with_name(f"{path.name}.schema-1")
    copy.write_text("an earlier copy")
    async with opened():
        pass
    assert copy.read_text() == "an earlier copy"
    assert len(list(path.parent.iterdir())) == 2


async def test_a_new_database_needs_no_copy(opened: Opened, path: Path) -> None:
    async with opened():
        pass
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_every_earlier_version_has_its_dump() -> None:
    assert sorted(file.name for file in DUMPS.iterdir()) == [f"schema_{version}.sql" for version in VERSIONS]
