import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import AIDisabledError, ShuttingDownError
from atmos_ai_sidecar.rpc.event_ids import MAX_IDS, EventIds
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace


class Door:
    """Opens workspaces, as the test says."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.may_open = asyncio.Event()
        self.may_open.set()
        self.opened = self.closed = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Any]:
        self.opened += 1
        await self.may_open.wait()
        if self.error:
            raise self.error
        yield cast("Any", self)
        self.closed += 1


async def test_calls_at_once_open_it_once() -> None:
    door = Door()
    shared = SharedWorkspace(door.open)
    assert shared.current is None
    first, second = await asyncio.gather(shared.get(), shared.get())
    assert first is second is shared.current
    assert door.opened == 1
    await shared.close()
    await shared.close()
    assert door.closed == 1


async def test_error_is_raised_to_all_who_wait_and_the_next_call_tries_again() -> None:
    door = Door()
    shared = SharedWorkspace(door.open)
    door.error = AIDisabledError("atmos.yaml")
    errors = await asyncio.gather(shared.get(), shared.get(), return_exceptions=True)
    assert list(errors) == [door.error] * 2
    assert shared.current is None
    door.error = None
    assert await shared.get()
    await shared.close()


async def test_call_that_is_cancelled_leaves_the_opening_to_the_others() -> None:
    door = Door()
    door.may_open.clear()
    shared = SharedWorkspace(door.open)
    impatient, patient = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    await asyncio.sleep(0)
    impatient.cancel()
    door.may_open.set()
    assert await patient
    assert impatient.cancelled()
    await shared.close()


async def test_stray_cancellation_while_opening_is_an_error_and_no_hang() -> None:
    door = Door()
    door.error = asyncio.CancelledError()
    shared = SharedWorkspace(door.open)
    async with asyncio.timeout(5):
        with pytest.raises(RuntimeError):
            await shared.get()


async def test_closed_workspace_is_not_opened_again() -> None:
    shared = SharedWorkspace(Door().open)
    await shared.close()
    with pytest.raises(ShuttingDownError):
        await shared.get()


def test_event_ids_are_taken_once_per_session_and_forgotten_when_there_are_too_many() -> None:
    ids, session, event = EventIds(), SessionId("s"), str(uuid.uuid4())
    assert [ids.take(session, event), ids.take(session, event), ids.take(SessionId("t"), event)] == [True, False, True]
    ids.release(session, event)
    assert ids.take(session, event)
    for _ in range(MAX_IDS):
        ids.take(session, str(uuid.uuid4()))
    assert ids.take(session, event)
