"""Databases of every earlier version, with data in them, as that version wrote it."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.postgres import ProjectKeys, open_postgres_store
from atmos_ai_sidecar.adapters.postgres.schema import MIGRATIONS, checksum
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.domain.messages import ToolCall
from tests.contracts.drafts import PROJECT, draft, texts, user

CHECKSUMS = ["b0fa2836", "5c2c968b", "21d482c7", "06c1b844"]
VERSIONS = [version for version, _ in MIGRATIONS[:-1]]
SESSION = "c14c1cf5-8f49-421d-9a3f-c94e320ad6ce"
ADDED = Path(__file__).with_name("versions")
"""``added_N.sql`` is data in what version N has added."""


async def write_database(url: str, version: int) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE schema_migrations (version BIGINT PRIMARY KEY, checksum TEXT NOT NULL)")
        for step, statements in MIGRATIONS[:version]:
            for statement in statements:
                await connection.execute(statement.encode())
            await connection.execute((ADDED / f"added_{step}.sql").read_bytes())
            await connection.execute(
                "INSERT INTO schema_migrations (version, checksum) VALUES (%s, %s)", (step, checksum(statements))
            )


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_database_of_an_earlier_version_keeps_its_data(new_database: Callable[[], str], version: int) -> None:
    url = new_database()
    await write_database(url, version)
    store = await open_postgres_store(url, SystemClock(), projects=ProjectKeys(), author="ada")
    try:
        session = await store.get_session_by_name(PROJECT, "vpc-refactor")
        assert (session.id, session.author, session.message_count) == (SESSION, "bob", 2)
        messages = await store.newest_messages(session.id, 0)
        assert texts(messages) == ["Which subnets?", "Three subnets."]
        assert messages[1].blocks[1] == ToolCall(id="toolu_1", name="look", input={"a": 1})
        assert messages[1].usage is not None
        assert {message.author for message in messages} == {"bob"}
        assert await store.create_session(draft("vpc-refactor", request_id="r-1")) == session
        assert [item.context_value for item in await store.list_context_items(session.id)] == ["b"]
        assert [turn.turn_id for turn in await store.open_turns()] == ["turn-1"]
        events = await store.read_events(session.id, after_seq=0, limit=10)
        assert [item.event for item in events] == [TextDelta(text="Three")]
        assert len((await store.search_messages(PROJECT, ["subnets"], limit=10)).hits) == 2
        output = await store.read_output(session.id, "toolu_1", offset=0, limit=10)
        assert (output is not None) == (version >= 2)
        assert (await store.compaction_usage(session.id)).input_tokens == (7 if version >= 3 else 0)
        await store.begin_turn(session.id, "turn-2", "owner-2")
        (added,) = await store.append_messages(session.id, [user("Thanks")])
        assert (added.id, added.author) == (3, "ada")
    finally:
        await store.close()


def test_every_earlier_version_has_data() -> None:
    assert sorted(path.name for path in ADDED.iterdir()) == [f"added_{version}.sql" for version in VERSIONS]


def test_released_migrations_are_never_changed() -> None:
    assert [checksum(statements)[:8] for _, statements in MIGRATIONS] == CHECKSUMS
    assert [version for version, _ in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))
