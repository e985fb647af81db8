"""Rows 7, 8 and 10: how fast a delta, many events and a cancel come through."""

import asyncio
import queue
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import grpc
import pexpect

from atmos_ai_sidecar.demo.offline_model import OfflineModel, Reply, Script, Text, WaitFor, offline_model
from tests.bench.calls import echo_server
from tests.bench.conversation import conversation, milliseconds_since
from tests.bench.echo_server import STREAMED
from tests.bench.place import SHIM, Place
from tests.bench.table import Row, row
from tests.e2e.screen import Screen
from tests.sidecar_process import SidecarProcess, sidecar_process

_DELTAS = 60
_EVENTS = 3000


def delta_rows(place: Place) -> list[Row]:
    """Row 7: from the moment the model may send a delta to its last byte on the terminal.

    Each comes after a pause, so that it is not held back to be joined with others: the whole way has the time that is
    allowed beyond the joining.
    """
    with _model_in_a_thread() as (model, loop):
        samples = _deltas(place, model, loop)
    return [row("7", "delta after a pause, model socket to terminal, p50", samples, 5, unit="ms")]


def event_rows(place: Place) -> list[Row]:
    """Row 8: events of one turn while it runs, and the same ones again out of the journal."""
    with (
        sidecar_process(directory=place.project, environment=place.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        _turn_rate(place, sidecar, channel, 200)
        live, replayed = zip(*(_turn_rate(place, sidecar, channel, _EVENTS) for _ in range(5)), strict=True)
    with echo_server() as address, grpc.insecure_channel(address) as bare:
        echo = bare.unary_stream("/bench.Echo/Stream", request_serializer=None, response_deserializer=None)
        rates = [_rate(STREAMED, lambda: sum(1 for _ in echo(b"x" * 100))) for _ in range(3)]
    return [
        row("8", "events of a turn through Chat, journal on", live, 2000, unit="/s", is_least=True),
        row("8", "events replayed from the journal through Chat", replayed, 2000, unit="/s", is_least=True),
        row("8", "  bare grpc.aio stream", rates, None, unit="/s"),
    ]


def cancel_rows(place: Place) -> list[Row]:
    """Row 10: from a cancel in the middle of an answer to the end of the turn."""
    with (
        sidecar_process(directory=place.project, environment=place.environment) as sidecar,
        sidecar.channel() as channel,
    ):
        samples = [_cancelled(place, sidecar, channel) for _ in range(40)]
    return [row("10", "cancel to turn_finished, p99", samples, 500, unit="ms", share=0.99)]


def _cancelled(place: Place, sidecar: SidecarProcess, channel: grpc.Channel) -> float:
    place.model.add_answers({"steps": ["Let me think. ", {"silence": {}}]})
    with conversation(channel, sidecar.metadata) as talk:
        talk.say("Think for ever.")
        talk.until("text_delta")
        begin = time.perf_counter()
        talk.cancel_turn()
        talk.until("turn_finished")
        return milliseconds_since(begin)


def _turn_rate(place: Place, sidecar: SidecarProcess, channel: grpc.Channel, events: int) -> tuple[float, float]:
    """Events a second, live and replayed."""
    # Thought and text in turns are never put together, so that every one of them is an event of its own.
    steps = [step for _ in range(events // 2) for step in ({"thinking": "Let me think."}, "This is said.")]
    place.model.add_answers({"steps": steps})
    session, seqs = f"bench-{uuid.uuid4()}", []
    with conversation(channel, sidecar.metadata, session) as talk:
        talk.say("Say much.")
        talk.until("thinking_delta")
        begin = time.perf_counter()
        talk.until("turn_finished", lambda event: seqs.append(event.seq))
        live = len(seqs) / (time.perf_counter() - begin)
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs))), "events are missing"
    begin = time.perf_counter()
    with conversation(channel, sidecar.metadata, session, after=0) as talk:
        talk.until("turn_finished")
        return live, talk.last_seq / (time.perf_counter() - begin)


def _deltas(place: Place, model: OfflineModel, loop: asyncio.AbstractEventLoop) -> Sequence[float]:
    """How long each word took that the model said alone, in a chat on a real terminal."""
    environment = place.with_environment(ANTHROPIC_BASE_URL=model.url)
    with Screen([SHIM, "chat"], environment=environment, directory=place.project) as screen:
        screen.wait_for("Enter sends|/help")
        screen.submit("Say some words.")
        return [_delta(screen, model, loop, number) for number in range(_DELTAS)]


def _delta(screen: Screen, model: OfflineModel, loop: asyncio.AbstractEventLoop, number: int) -> float:
    # Until the screen rests: the terminal has drawn what came before, and the spinner's next frame is far.
    while True:
        try:
            screen.process.read_nonblocking(65536, timeout=0.05)
        except pexpect.TIMEOUT:
            break
    begin = time.perf_counter()
    loop.call_soon_threadsafe(model.gate(_gate(number)).set)
    drawn: Any = b""
    while not re.search(_word(number).encode(), drawn):
        drawn += screen.process.read_nonblocking(65536, timeout=20)
    return milliseconds_since(begin)


def _word(number: int) -> str:
    return f"qz{number:03d}zq"


def _gate(number: int) -> str:
    return f"word {number}"


@contextmanager
def _model_in_a_thread() -> Iterator[tuple[OfflineModel, asyncio.AbstractEventLoop]]:
    """A model in this very process, whose gates cost no request."""
    steps = [step for number in range(_DELTAS) for step in (WaitFor(_gate(number)), Text(_word(number) + "\n\n"))]
    started: queue.SimpleQueue[tuple[OfflineModel, asyncio.AbstractEventLoop, asyncio.Event]] = queue.SimpleQueue()

    async def serve() -> None:
        async with offline_model(Script(Reply(tuple(steps)), then="rules")) as model:
            done = asyncio.Event()
            started.put((model, asyncio.get_running_loop(), done))
            await done.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    model, loop, done = started.get(timeout=20)
    try:
        yield model, loop
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(20)


def _rate(count: int, act: Callable[[], object]) -> float:
    begin = time.perf_counter()
    act()
    return count / (time.perf_counter() - begin)
