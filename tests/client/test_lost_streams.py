"""What a client sees of ends: of a turn, of its own connection, and of the sidecar."""

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, closing
from typing import Any

import grpc
import pytest

from atmos_ai_sidecar.client import AsyncClient, CallFailedError, Client, ClientClosedError, HostedTool
from atmos_ai_sidecar.v1 import chat_service_pb2 as chat
from tests.e2e.conftest import Project, demo, model_url, project, shared_demo

__all__ = ["demo", "model_url", "project", "shared_demo"]
QUESTION = "Plan the database in ue1-prod."
CLOCK = HostedTool(name="clock", description="Says it.", run=lambda _: "noon")


@pytest.fixture
def client(demo: Project) -> Iterator[Client]:
    with Client.launch(demo.directory, demo.environment) as client:
        yield client


@pytest.fixture(scope="module")
def lasting(shared_demo: Project) -> Iterator[Client]:
    """A client whose sidecar lives as long as the tests of this file."""
    with Client.launch(shared_demo.directory, shared_demo.environment) as client:
        yield client


@pytest.fixture
async def async_client(demo: Project) -> AsyncIterator[AsyncClient]:
    async with await AsyncClient.launch(demo.directory, demo.environment) as client:
        yield client


def kind(event: Any) -> str:
    return str(event.WhichOneof("event"))


def kill(client: Client | AsyncClient) -> None:
    assert client._sidecar is not None
    os.kill(client._sidecar._process.pid, signal.SIGKILL)
    client._sidecar._process.wait(10)


def test_iterator_that_is_closed_has_cancelled_its_turn_so_that_another_can_start(lasting: Client) -> None:
    def leave(request: Any) -> str:
        raise LookupError(request.tool)

    for _ in range(3):
        with closing(lasting.run_turn("left", QUESTION)) as turn:  # type: ignore[type-var]
            assert next(event for event in turn if kind(event) == "turn_started")
    with pytest.raises(LookupError, match="atmos_terraform_plan"):
        list(lasting.run_turn("left", QUESTION, ask=leave))
    *_, finished = lasting.run_turn("left", "Which stacks are there?")
    assert finished.turn_finished.stop_reason == chat.STOP_REASON_END_TURN
    stops = [event.turn_finished.stop_reason for event in _until(lasting.follow("left", after=0), finished.seq)]
    assert [stop for stop in stops if stop] == [chat.STOP_REASON_CANCELLED] * 4 + [chat.STOP_REASON_END_TURN]


def _until(events: Iterator[Any], seq: int) -> Iterator[Any]:
    for event in events:
        yield event
        if event.seq == seq:
            return


def test_turn_can_be_cancelled_from_another_thread_and_followed_by_another_client(lasting: Client) -> None:
    assert lasting._sidecar is not None
    with Client(lasting._sidecar.address, lasting._sidecar.token) as second:
        events = []
        followed = second.follow("shared")
        assert kind(next(followed)) == "attached"

        def ask(_request: Any) -> str:
            assert second.cancel_turn("shared")
            return "allow_once"

        events = list(lasting.run_turn("shared", QUESTION, ask=ask))
        assert events[-1].turn_finished.stop_reason == chat.STOP_REASON_CANCELLED
        assert [event.seq for event in _until(followed, events[-1].seq)] == [event.seq for event in events if event.seq]
        assert not second.cancel_turn("shared")
    with pytest.raises(CallFailedError) as caught:
        lasting.cancel_turn("missing")
    assert caught.value.reason == "SESSION_NOT_FOUND"


def test_killed_sidecar_is_told_to_everybody_and_what_was_missed_is_replayed_by_the_next(demo: Project) -> None:
    with Client.launch(demo.directory, demo.environment) as client, client.hosting("host", [CLOCK]) as hosting:
        assert not hosting.wait(0)

        def ask(_request: Any) -> str:
            kill(client)
            return "allow_once"

        with pytest.raises(CallFailedError) as caught:
            list(client.run_turn("replayed", QUESTION, ask=ask))
        assert (caught.value.code, caught.value.reason) == (grpc.StatusCode.UNAVAILABLE, "")
        for failing in (hosting.wait, lambda: list(client.sessions()), lambda: list(client.run_turn("x", "y"))):
            with pytest.raises(CallFailedError):
                failing()
    with Client.launch(demo.directory, demo.environment) as client:
        missed = client.follow("replayed", after=2)
        assert kind(next(missed)) == "attached"
        replayed = []
        for event in missed:
            replayed.append(event.seq)
            if kind(event) == "turn_finished":
                assert event.turn_finished.stop_reason == chat.STOP_REASON_INTERRUPTED
                break
        assert replayed == list(range(3, replayed[-1] + 1))
        with pytest.raises(CallFailedError) as caught:
            next(client.follow("replayed", after=10_000))
        assert caught.value.reason == "INVALID_FIELD"


def test_closed_client_says_so(client: Client) -> None:
    client.close()
    client.close()
    uses: list[Callable[[], Any]] = [
        lambda: list(client.sessions()),
        lambda: list(client.tools()),
        lambda: list(client.run_turn("x", "y")),
        lambda: list(client.follow("x")),
        lambda: client.cancel_turn("x"),
        lambda: client.stub(lambda channel: channel),
        lambda: client.hosting("host", [CLOCK]).__enter__(),
    ]
    for use in uses:
        with pytest.raises(ClientClosedError):
            use()


def test_closing_the_client_ends_a_turn_of_another_thread(client: Client) -> None:
    asked = threading.Event()

    def ask(_request: Any) -> str:
        asked.set()
        assert closed.wait(20)
        return "allow_once"

    closed = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        talking = pool.submit(lambda: list(client.run_turn("closed", QUESTION, ask=ask)))
        assert asked.wait(20)
        client.close()
        closed.set()
        with pytest.raises((CallFailedError, ClientClosedError)):
            talking.result(20)


def test_threads_share_a_client(lasting: Client) -> None:
    def talk(name: str) -> Any:
        *_, finished = lasting.run_turn(name, "Which stacks are there?")
        return finished.turn_finished.stop_reason

    names = [f"thread {number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(talk, names)) == {chat.STOP_REASON_END_TURN}
    assert set(names) <= {session.name for session in lasting.sessions()}


async def test_sync_client_works_within_a_running_event_loop(lasting: Client) -> None:
    with lasting.hosting("host", [CLOCK]):
        events = list(lasting.run_turn("loop", "Use tool clock."))
    assert "noon" in "".join(event.text_delta.text for event in events)


async def test_async_client_does_the_same(async_client: AsyncClient) -> None:
    async with aclosing(async_client.run_turn("left", QUESTION)) as turn:  # type: ignore[type-var]
        async for event in turn:
            if kind(event) == "turn_started":
                break
    cancelled = asyncio.create_task(_all(async_client.run_turn("cancelled", QUESTION, ask=_hang)))
    async for event in async_client.follow("cancelled"):
        if kind(event) == "permission_requested":
            cancelled.cancel()
        if kind(event) == "turn_finished":
            assert event.turn_finished.stop_reason == chat.STOP_REASON_CANCELLED
            break
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    finished = (await _all(async_client.run_turn("left", "Which stacks are there?")))[-1]
    assert finished.turn_finished.stop_reason == chat.STOP_REASON_END_TURN
    assert not await async_client.cancel_turn("left")
    async with async_client.hosting("host", [CLOCK]) as hosting:
        kill(async_client)
        with pytest.raises(CallFailedError):
            await hosting.wait()
    with pytest.raises(CallFailedError):
        await _all(async_client.run_turn("left", "y"))
    await async_client.close()
    with pytest.raises(ClientClosedError):
        await _all(async_client.run_turn("left", "y"))


async def _all(events: Any) -> list[Any]:
    return [event async for event in events]


async def _hang(_request: Any) -> str:
    await asyncio.Event().wait()
    return ""
