"""Several sidecars on one server: leases, epochs, authors, project keys, lost connections."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.postgres import PostgresStore, ProjectKeys, open_postgres_store
from atmos_ai_sidecar.domain.events import StopReason, TextDelta, TurnFinished
from atmos_ai_sidecar.errors import (
    SchemaTooNewError,
    StorageCorruptError,
    StorageUnavailableError,
    TurnInProgressError,
    TurnTakenOverError,
)
from tests.contracts.drafts import PROJECT, draft, texts, user
from tests.postgres_server import running_server

ROOT = Path(__file__).parents[3]
KEY = "github.com/acme/infra"
ELSEWHERE = "/Users/bob/infra"


class Opened(Protocol):
    def __call__(
        self, author: str, *, path: str = PROJECT, lease_seconds: float = 30.0
    ) -> AbstractAsyncContextManager[PostgresStore]: ...


@pytest.fixture
def url(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture
def opened(url: str) -> Opened:
    @asynccontextmanager
    async def open_it(author: str, *, path: str = PROJECT, lease_seconds: float = 30.0) -> AsyncIterator[PostgresStore]:
        store = await open_postgres_store(
            url, SystemClock(), projects=ProjectKeys({path: KEY}), author=author, lease_seconds=lease_seconds
        )
        try:
            yield store
        finally:
            await store.close()

    return open_it


async def execute(url: str, statement: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(statement.encode())


async def run_out(url: str) -> None:
    """Makes every lease run out, as a pause of its holder does."""
    await execute(url, "UPDATE sessions SET lease_expires_at = clock_timestamp() - INTERVAL '1 second'")


async def test_one_project_at_two_paths_shares_its_sessions(opened: Opened) -> None:
    async with opened("ada") as ada, opened("bob", path=ELSEWHERE) as bob:
        session = await ada.create_session(draft(project_path=PROJECT))
        seen = await bob.get_session_by_name(ELSEWHERE, "vpc-refactor")
        assert (seen.id, seen.project_path, seen.author) == (session.id, ELSEWHERE, "ada")
        await bob.append_messages(session.id, [user("hello")])
        (message,) = await ada.newest_messages(session.id, 0)
        assert (message.text, message.author) == ("hello", "bob")
        assert [hit.snippet for hit in (await ada.search_messages(PROJECT, ["hello"], limit=1)).hits] == ["hello"]


async def test_a_session_is_held_by_one_sidecar_and_the_others_are_told_by_whom(opened: Opened) -> None:
    async with opened("ada") as ada, opened("bob", path=ELSEWHERE) as bob:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")
        with pytest.raises(TurnInProgressError, match="owner-of-ada"):
            await bob.begin_turn(session.id, "turn-2", "owner-of-bob")
        with pytest.raises(TurnInProgressError, match="owner-of-ada"):
            await bob.append_messages(session.id, [user("in between")])
        with pytest.raises(TurnInProgressError):
            await bob.append_events(session.id, "turn-1", [TextDelta(text="not mine")])
        await bob.finish_turn(session.id, "turn-1")
        await ada.append_messages(session.id, [user("mine")])
        await ada.append_events(session.id, "turn-1", [TurnFinished(stop_reason=StopReason.END_TURN)])
        await bob.begin_turn(session.id, "turn-2", "owner-of-bob")
        assert texts(await bob.newest_messages(session.id, 0)) == ["mine"]


async def test_a_paused_holder_writes_nothing_after_a_take_over(opened: Opened, url: str) -> None:
    async with opened("ada") as ada, opened("bob", path=ELSEWHERE) as bob:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")
        await ada.append_events(session.id, "turn-1", [TextDelta(text="half")])
        await run_out(url)
        await bob.begin_turn(session.id, "turn-2", "owner-of-bob")
        with pytest.raises(TurnTakenOverError, match="owner-of-bob"):
            await ada.append_messages(session.id, [user("late")])
        with pytest.raises(TurnTakenOverError):
            await ada.append_events(session.id, "turn-1", [TextDelta(text="late")])
        await ada.finish_turn(session.id, "turn-1")
        await bob.append_messages(session.id, [user("on time")])
        assert texts(await bob.newest_messages(session.id, 0)) == ["on time"]
        events = [item.event for item in await bob.read_events(session.id, after_seq=0, limit=9)]
        assert events[0] == TextDelta(text="half")
        assert isinstance(events[1], TurnFinished)
        assert events[1].stop_reason is StopReason.INTERRUPTED
        assert [turn.turn_id for turn in await bob.open_turns()] == ["turn-2"]


async def test_a_paused_holder_writes_nothing_even_when_nobody_took_over(opened: Opened, url: str) -> None:
    async with opened("ada") as ada:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")
        await run_out(url)
        with pytest.raises(TurnTakenOverError, match="too long"):
            await ada.append_events(session.id, "turn-1", [TextDelta(text="late")])
        await ada.begin_turn(session.id, "turn-2", "owner-of-ada")
        await ada.append_events(session.id, "turn-2", [TextDelta(text="again")])


async def test_who_holds_a_lease_is_alive_and_nobody_else(opened: Opened, url: str) -> None:
    async with opened("ada") as ada, opened("bob", path=ELSEWHERE) as bob:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")
        assert [turn.owner for turn in await bob.open_turns()] == ["owner-of-ada"]
        assert bob.is_alive("owner-of-ada")
        assert not bob.is_alive("owner-of-eve")
        await run_out(url)
        await bob.open_turns()
        assert not bob.is_alive("owner-of-ada")
        # What recovery writes on behalf of the dead shuts the door behind it.
        finished = TurnFinished(stop_reason=StopReason.INTERRUPTED)
        await bob.append_events(session.id, "turn-1", [finished])
        assert await bob.open_turns() == ()
        with pytest.raises(TurnTakenOverError):
            await ada.append_events(session.id, "turn-1", [TextDelta(text="late")])


async def test_a_lease_is_renewed_as_long_as_its_holder_runs(opened: Opened, url: str) -> None:
    async with opened("ada", lease_seconds=0.6) as ada, opened("bob", path=ELSEWHERE) as bob:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:

            async def expiry() -> object:
                found = await connection.execute("SELECT lease_expires_at FROM sessions")
                return await found.fetchone()

            first = await expiry()
            async with asyncio.timeout(5):
                while await expiry() == first:
                    await bob.open_turns()
        assert bob.is_alive("owner-of-ada")


async def test_only_an_authors_own_sessions_are_cleaned(opened: Opened) -> None:
    async with opened("ada") as ada, opened("bob", path=ELSEWHERE) as bob:
        await ada.create_session(draft("of ada"))
        await bob.create_session(draft("of bob", project_path=ELSEWHERE))
        newest = await ada.create_session(draft("newest"))
        removed = await ada.clean_sessions(PROJECT, before=newest.update_time + timedelta(days=1))
        assert [session.name for session in removed] == ["of ada"]
        page = await bob.list_sessions(ELSEWHERE, limit=9)
        assert [session.name for session in page.sessions] == ["newest", "of bob"]


async def test_a_lost_connection_is_replaced_and_nothing_is_stored_twice(opened: Opened, url: str) -> None:
    async with opened("ada") as ada:
        session = await ada.create_session(draft())
        await ada.begin_turn(session.id, "turn-1", "owner-of-ada")

        async def write(number: int) -> None:
            await ada.append_messages(session.id, [user(str(number))])
            await ada.append_events(session.id, "turn-1", [TextDelta(text=str(number))])

        for number in range(20):
            writing = asyncio.create_task(write(number))
            if number % 5 == 0:
                await execute(
                    url,
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()",
                )
            await writing
        assert texts(await ada.newest_messages(session.id, 0)) == [str(number) for number in range(20)]
        events = await ada.read_events(session.id, after_seq=0, limit=100)
        assert [item.event for item in events] == [TextDelta(text=str(number)) for number in range(20)]
        assert [item.seq for item in events] == list(range(1, 21))


async def test_a_server_that_goes_away_is_a_clear_error() -> None:
    with running_server() as server:
        store = await open_postgres_store(
            server.new_database(), SystemClock(), projects=ProjectKeys(), author="ada", patience_seconds=0.5
        )
        session = await store.create_session(draft())
        server.process.send_signal(signal.SIGINT)
        server.process.wait(10)
        async with asyncio.timeout(20):
            with pytest.raises(StorageUnavailableError, match="cannot be used"):
                await store.append_messages(session.id, [user("hello")])
        await store.close()


async def test_sidecars_that_start_on_an_empty_database_together_make_one_schema(opened: Opened) -> None:
    async def start(author: str) -> None:
        async with opened(author) as store:
            await store.create_session(draft(author))

    async with asyncio.timeout(20):
        await asyncio.gather(*(start(f"author-{number}") for number in range(5)))


async def test_a_newer_or_foreign_schema_is_refused(opened: Opened, url: str) -> None:
    async with opened("ada"):
        pass
    await execute(url, "INSERT INTO schema_migrations (version, checksum) VALUES (99, 'later')")
    with pytest.raises(SchemaTooNewError):
        async with opened("ada"):
            pass
    await execute(url, "DELETE FROM schema_migrations WHERE version = 99")
    await execute(url, "UPDATE schema_migrations SET checksum = 'x'")
    with pytest.raises(StorageCorruptError, match="migrations"):
        async with opened("ada"):
            pass


@pytest.mark.parametrize(
    "wrong",
    ["postgresql://ada:geheim@127.0.0.1:1/x?connect_timeout=2", "not a url geheim", "postgresql://ada:geheim@["],
)
async def test_a_server_that_cannot_be_used_is_an_error_without_the_password(wrong: str) -> None:
    with pytest.raises(StorageUnavailableError) as caught:
        await open_postgres_store(wrong, SystemClock(), projects=ProjectKeys(), author="ada")
    assert "geheim" not in str(caught.value)
    assert caught.value.remedy


HOLDER = """
import asyncio, sys
from atmos_ai_sidecar.adapters.clock import SystemClock
from atmos_ai_sidecar.adapters.postgres import ProjectKeys, open_postgres_store
from atmos_ai_sidecar.domain.events import TextDelta
from atmos_ai_sidecar.errors import SidecarError
from tests.contracts.drafts import PROJECT, draft, user

async def main(url):
    projects = ProjectKeys({PROJECT: "github.com/acme/infra"})
    store = await open_postgres_store(url, SystemClock(), projects=projects, author="ada", lease_seconds=1.0)
    session = await store.create_session(draft())
    await store.begin_turn(session.id, "turn-1", "owner-of-ada")
    await store.append_events(session.id, "turn-1", [TextDelta(text="half")])
    print("holding", flush=True)
    sys.stdin.readline()
    try:
        await store.append_messages(session.id, [user("late")])
        await store.append_events(session.id, "turn-1", [TextDelta(text="late")])
    except SidecarError as error:
        print(type(error).__name__, error.metadata["holder"], flush=True)
    await store.close()

asyncio.run(main(sys.argv[1]))
"""


async def test_a_process_that_is_stopped_and_goes_on_after_a_take_over_writes_nothing(opened: Opened, url: str) -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, url, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout is not None
    async with asyncio.timeout(20):
        assert await program.stdout.readline() == b"holding\n"
        program.send_signal(signal.SIGSTOP)
        async with opened("bob", path=ELSEWHERE) as bob:
            session = await bob.get_session_by_name(ELSEWHERE, "vpc-refactor")
            while True:
                try:
                    await bob.begin_turn(session.id, "turn-2", "owner-of-bob")
                    break
                except TurnInProgressError:
                    continue
            program.send_signal(signal.SIGCONT)
            stdout, _ = await program.communicate(b"\n")
            assert stdout == b"TurnTakenOverError owner-of-bob\n"
            assert await bob.newest_messages(session.id, 0) == ()
            events = [item.event for item in await bob.read_events(session.id, after_seq=0, limit=9)]
            assert [type(event) for event in events] == [TextDelta, TurnFinished]
