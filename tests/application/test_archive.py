import json
import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from atmos_ai_sidecar.adapters.atmos_sessions import AtmosSessions
from atmos_ai_sidecar.adapters.checkpoint_files import CheckpointFiles
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_memory_store
from atmos_ai_sidecar.application.archive import Archive, ExportFormat
from atmos_ai_sidecar.application.progress import Progress
from atmos_ai_sidecar.application.sessions import Sessions
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import InvalidFieldError, SessionExistsError, SessionNotFoundError
from tests.adapters.atmos_sessions.test_atmos_sessions import TABLES, add_message, add_session
from tests.contracts.drafts import PROJECT, draft, texts, user
from tests.domain.test_checkpoints import CHECKPOINT, values
from tests.fakes.clock import FakeClock


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    archive: Archive
    store: SqliteStore
    clock: FakeClock
    atmos: Path


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    store = await open_memory_store(clock)
    atmos = tmp_path / "sessions.db"
    archive = Archive(
        store,
        project_path=PROJECT,
        files=CheckpointFiles(),
        foreign=AtmosSessions(atmos, PROJECT),
        clock=clock,
        redact=lambda text: text.replace("geheim", "***"),
    )
    yield World(archive=archive, store=store, clock=clock, atmos=atmos)
    await store.close()


@pytest.mark.parametrize("form", [ExportFormat.JSON, ExportFormat.YAML])
async def test_an_exported_session_can_be_imported_under_another_name(world: World, form: ExportFormat) -> None:
    first = await world.archive.import_file(json.dumps(values()).encode())
    text = await world.archive.export(first.session.id, form)
    second = await world.archive.import_file(text.encode(), name="copy")
    originals = await world.store.newest_messages(first.session.id, 0)
    copies = await world.store.newest_messages(second.session.id, 0)
    assert [message.blocks for message in copies] == [message.blocks for message in originals]
    assert [message.blocks for message in copies] == [message.blocks for message in CHECKPOINT.messages]
    assert [message.usage for message in copies] == [message.usage for message in CHECKPOINT.messages]
    assert await world.store.list_context_items(second.session.id) == await world.store.list_context_items(
        first.session.id
    )
    assert (second.session.create_time, second.session.metadata) == (CHECKPOINT.create_time, {"ticket": "OPS-1"})
    assert second.session.name == "copy"


async def test_a_conversation_is_exported_to_read(world: World) -> None:
    session = await world.store.create_session(draft())
    assert (await world.archive.export(session.id, ExportFormat.MARKDOWN)).startswith("# vpc-refactor")
    with pytest.raises(InvalidFieldError, match="no messages"):
        await world.archive.export(session.id, ExportFormat.JSON)


async def test_a_session_of_another_project_is_not_exported(world: World) -> None:
    session = await world.store.create_session(draft(project_path="/home/bob"))
    for session_id in (session.id, SessionId("nobody")):
        with pytest.raises(SessionNotFoundError):
            await world.archive.export(session_id, ExportFormat.JSON)


async def test_an_import_asks_before_it_replaces(world: World) -> None:
    content = json.dumps(values()).encode()
    first = await world.archive.import_file(content)
    with pytest.raises(SessionExistsError):
        await world.archive.import_file(content)
    second = await world.archive.import_file(content, overwrite=True)
    assert second.session.id != first.session.id
    assert len((await world.store.list_sessions(PROJECT, limit=9)).sessions) == 1


@pytest.mark.parametrize("name", ["../x", "a\nb", " x"])
async def test_a_name_that_cannot_be_used_leaves_nothing_behind(world: World, name: str) -> None:
    with pytest.raises(InvalidFieldError, match="name"):
        await world.archive.import_file(json.dumps(values()).encode(), name=name)
    assert (await world.store.list_sessions(PROJECT, limit=9)).sessions == ()


async def test_secrets_in_a_file_are_not_stored(world: World) -> None:
    content = json.dumps(values()).replace("I look.", "geheim").replace("a\\nb", "geheim").replace("OPS-1", "geheim")
    imported = await world.archive.import_file(content.encode())
    text = await world.archive.export(imported.session.id, ExportFormat.JSON)
    assert "geheim" not in text
    assert text.count("***") >= 3


async def test_sessions_of_atmos_are_imported_once(world: World) -> None:
    with closing(sqlite3.connect(world.atmos)) as connection, connection:
        connection.executescript(TABLES)
        for session_id, name in (("s-1", "vpc-refactor"), ("s-2", "vpc-refactor"), ("s-3", "a/b"), ("s-4", "empty")):
            add_session(connection, session_id, name)
        for session_id in ("s-1", "s-2", "s-3"):
            add_message(connection, session_id, "user", "hello geheim", 1)
    own = await world.store.create_session(draft())
    await world.store.append_messages(own.id, [user("mine")])
    progress = Progress()
    first = await world.archive.import_foreign(progress)
    assert progress.share == "4 of 4 sessions"
    assert sorted(session.name for session in first.imported) == [
        "atmos-s3", "vpc-refactor-atmos", "vpc-refactor-atmos-2",
    ]  # fmt: skip
    assert (first.known, first.empty) == (0, 1)
    assert texts(await world.store.newest_messages(first.imported[0].id, 0)) == ["hello ***"]
    assert first.imported[0].metadata["skill"] == "atmos-stacks"
    again = await world.archive.import_foreign()
    assert (again.imported, again.known, again.empty) == ((), 3, 1)
    assert texts(await world.store.newest_messages(own.id, 0)) == ["mine"]


async def test_a_search_finds_messages(world: World) -> None:
    session = await world.store.create_session(draft())
    await world.store.append_messages(session.id, [user("the vpc")])
    assert [hit.snippet for hit in (await world.archive.search("VPC", limit=5)).hits] == ["the vpc"]
    with pytest.raises(InvalidFieldError, match="query"):
        await world.archive.search(" ", limit=5)


@pytest.mark.parametrize("age", [timedelta(0), timedelta(days=-1), timedelta(days=999_999_999)])
async def test_an_age_that_means_nothing_is_refused(world: World, age: timedelta) -> None:
    with pytest.raises(InvalidFieldError, match="older_than"):
        await world.archive.clean(age)


async def test_old_sessions_go_when_one_is_created_and_the_log_says_so(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sessions = Sessions(
        world.store,
        project_path=PROJECT,
        model="m",
        provider="p",
        redact=str,
        is_busy=lambda session_id: False,
        after_create=lambda: world.archive.retain(timedelta(days=30)),
    )
    await sessions.create(name="old")
    world.clock.advance(31 * 86_400)
    await sessions.create(name="new")
    assert [session.name for session in (await sessions.list(limit=9)).sessions] == ["new"]
    assert "'old' was removed" in caplog.text


async def test_cleaning_that_fails_is_logged_and_stops_nobody(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.archive.retain(timedelta(0))
    assert "were not cleaned" in caplog.text


async def test_sessions_of_atmos_are_known_also_among_many(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atmos_ai_sidecar.application.archive._PAGE", 1)
    with closing(sqlite3.connect(world.atmos)) as connection, connection:
        connection.executescript(TABLES)
        add_session(connection, "s-1", "one")
        add_message(connection, "s-1", "user", "hello", 1)
    for name in ("a", "b"):
        await world.store.create_session(draft(name))
    assert len((await world.archive.import_foreign()).imported) == 1
    assert (await world.archive.import_foreign()).known == 1
