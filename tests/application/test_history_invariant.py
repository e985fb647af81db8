"""A turn that ends at any point leaves a history that the Messages API takes, and nothing said or done is lost.

The turn asks twice: first come a thought, a text and three calls, two of them at the same time and one that a person
is asked about, then a last text. It is cut off at every event that it makes and at every write to the store.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from atmos_ai_sidecar.adapters.model.requests import body_of
from atmos_ai_sidecar.adapters.owner_locks import OwnerLocks
from atmos_ai_sidecar.adapters.sqlite import SqliteStore, open_sqlite_store
from atmos_ai_sidecar.application.outbox import Outbox
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.model import Answered, TextPiece, ThinkingPiece
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.demo.offline_model.history_rules import sign
from atmos_ai_sidecar.demo.offline_model.history_rules import violations as wire_violations
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    NoticeKind,
    SessionEvent,
    StopReason,
    TextDelta,
    TurnEvent,
    TurnFinished,
    UsageReported,
)
from atmos_ai_sidecar.domain.messages import Message, Role, Text, Thinking, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.permissions import ListEntry, PermissionSettings
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.errors import ModelTimeoutError, ModelUnavailableError, TurnInProgressError
from tests.application.world import World, finished
from tests.fakes.clock import FakeClock
from tests.fakes.model import Hang, Step, calls, says
from tests.strict_history import violations

THOUGHT = Thinking(thinking="Look first, then plan.", signature=sign("Look first, then plan."))
CALLS = tuple(ToolCall(id=name[0], name=name, input={}) for name in ("read", "look", "write"))
ASKS: Sequence[Step] = (
    ThinkingPiece(thinking=THOUGHT.thinking),
    TextPiece(text="Let me "),
    TextPiece(text="look."),
    Answered(
        blocks=(THOUGHT, Text(text="Let me look."), *CALLS),
        stop_reason="tool_use",
        usage=Usage(output_tokens=9),
        invalid_inputs={},
    ),
)
ENDS: Sequence[Step] = (TextPiece(text="All "), TextPiece(text="good."), says("All good."))
EVENTS = 18
WRITES = 24
"""At most: what the turn makes at the same moment may share a write. A test below counts both."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with opened(tmp_path) as store:
        yield store


@asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[SqliteStore]:
    store = await open_sqlite_store(directory / "sidecar.db", FakeClock(jumps=True))
    try:
        yield store
    finally:
        await store.close()


def world_on(store: Any, **options: Any) -> World:
    world = World(store, FakeClock(jumps=True), **options)
    world.model.answers = [ASKS, ENDS]
    return world


async def play(world: World, session: Session, answer: Answer = Answer.ALLOW_ONCE) -> list[TurnEvent]:
    """The turn to its end; a person gives that answer to every question."""
    with world.approvals.attach("person") as prompter:

        async def attend() -> None:
            async for question in prompter:
                request = question.request
                option = next((item for item in request.options if item.answer is answer), None)
                if option is not None and request.outcome is None:
                    await world.approvals.answer(
                        request.id, option.id, shown_digest=request.digest, resolved_by="person"
                    )

        person = asyncio.create_task(attend())
        try:
            async with asyncio.timeout(5):
                return await world.run(session, "Plan it.", attendance=Attendance.PRESENT)
        finally:
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)


async def check_next_request(world: World, session: Session) -> Sequence[Message]:
    """The next turn works, and its request is one that the API takes; returns what it sent."""
    world.model.answers = [(says("Here."),)]
    async with asyncio.timeout(5):
        events = await world.run(session, "Go on.")
    assert finished(events).stop_reason is StopReason.END_TURN
    assert not [event for event in events if isinstance(event, Notice)]
    request = world.model.requests[-1]
    assert violations(request.messages) == []
    assert wire_violations(body_of(request)) == []
    return request.messages


async def check_nothing_is_lost(world: World, sent: Sequence[Message], happened: Sequence[TurnEvent]) -> None:
    text = "\n".join(message.text for message in sent)
    assert all(words in text for words in said(happened)), (said(happened), text)
    answered = {result.tool_call_id for message in sent for result in message.tool_results}
    assert set(world.ran) <= answered
    thoughts = [block for message in sent for block in message.blocks if isinstance(block, Thinking)]
    assert thoughts in ([], [THOUGHT])
    assert bool(thoughts) == bool(answered)


def said(events: Sequence[TurnEvent]) -> list[str]:
    """The text of every step, without what a retry made void."""
    steps = [""]
    for event in events:
        if isinstance(event, TextDelta):
            steps[-1] += event.text
        elif isinstance(event, ModelRetrying):
            steps[-1] = ""
        elif isinstance(event, UsageReported):
            steps.append("")
    return [step for step in steps if step]


def at_event(monkeypatch: pytest.MonkeyPatch, index: int, strike: Callable[[], object]) -> list[TurnEvent]:
    """Calls ``strike`` right after the turn has made its event number ``index``; returns the events as they come."""
    put, made = Outbox.put, list[TurnEvent]()

    def counted(self: Outbox, event: TurnEvent) -> None:
        put(self, event)
        made.append(event)
        if len(made) == index + 1:
            strike()

    monkeypatch.setattr(Outbox, "put", counted)
    return made


async def test_turn_of_these_tests_makes_as_many_events_and_writes_as_they_cut(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mortal = MortalStore(store)
    world = world_on(mortal)
    session = await world.sessions.create(name="s")
    made = at_event(monkeypatch, EVENTS, lambda: None)
    assert finished(await play(world, session)).stop_reason is StopReason.END_TURN
    assert sorted(world.ran) == ["l", "r", "w"]
    assert len(made) == EVENTS
    assert mortal.writes <= WRITES


@pytest.mark.parametrize("index", range(EVENTS))
async def test_turn_that_is_cancelled_at_any_event_leaves_a_valid_history(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    at_event(monkeypatch, index, lambda: world.turns.cancel(session.id))
    events = await play(world, session)
    assert finished(events).stop_reason in {StopReason.CANCELLED, StopReason.END_TURN}
    assert [isinstance(event, TurnFinished) for event in events].count(True) == 1
    await check_nothing_is_lost(world, await check_next_request(world, session), events)


@pytest.mark.parametrize("error", [ModelTimeoutError("Too slow."), ModelUnavailableError("Gone."), ValueError("bug")])
@pytest.mark.parametrize("index", range(len(ASKS) + len(ENDS)))
async def test_model_that_fails_at_any_event_of_its_answers_leaves_a_valid_history(
    store: SqliteStore, index: int, error: Exception
) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    late = index - len(ASKS)
    world.model.answers = [(*ASKS[:index], error)] if late < 0 else [ASKS, (*ENDS[:late], error)]
    events = await play(world, session)
    assert finished(events).stop_reason is StopReason.ERROR
    await check_nothing_is_lost(world, await check_next_request(world, session), events)


@pytest.mark.parametrize("answer", [Answer.REJECT_ONCE, Answer.REJECT_ALWAYS])
async def test_call_that_is_rejected_leaves_a_valid_history(store: SqliteStore, answer: Answer) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    events = await play(world, session, answer)
    assert sorted(world.ran) == ["l", "r"]
    await check_nothing_is_lost(world, await check_next_request(world, session), events)


@pytest.mark.parametrize("tool", ["read", "look", "write"])
async def test_call_that_policy_denies_leaves_a_valid_history(store: SqliteStore, tool: str) -> None:
    blocked = ListEntry(pattern=tool, file="atmos.yaml", line=1)
    world = world_on(store, settings=PermissionSettings(blocked=(blocked,)))
    session = await world.sessions.create(name="s")
    events = await play(world, session)
    assert tool[0] not in world.ran
    await check_nothing_is_lost(world, await check_next_request(world, session), events)


@pytest.mark.parametrize("tool", ["read", "look", "write"])
async def test_call_that_times_out_leaves_a_valid_history(store: SqliteStore, tool: str) -> None:
    world = world_on(store, slow_tool=tool)
    session = await world.sessions.create(name="s")
    events = await play(world, session)
    sent = await check_next_request(world, session)
    results = {result.tool_call_id: result.result for message in sent for result in message.tool_results}
    assert results[tool[0]].reason == "TOOL_TIMEOUT"
    await check_nothing_is_lost(world, sent, events)


# A process that is killed writes nothing any more; the next one finds what it left.


class MortalStore:
    """A store whose process can die: then nothing returns until it is buried, and nothing is written any more.

    ``dies_before`` and ``dies_after`` are the number of the write at which it does.
    """

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self.writes = 0
        self.dies_before = self.dies_after = -1
        self.died, self.buried = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        is_write = name in {"begin_turn", "append_messages", "append_events", "add_request", "settle_request"}

        async def call(*arguments: Any, **options: Any) -> Any:
            if is_write and self.writes == self.dies_before:
                self.died.set()
            await self._stop_the_dead()
            self.writes += is_write
            answer = await method(*arguments, **options)
            if is_write and self.writes == self.dies_after:
                self.died.set()
            await self._stop_the_dead()
            return answer

        return call

    async def _stop_the_dead(self) -> None:
        if self.died.is_set():
            await self.buried.wait()
            raise asyncio.CancelledError


class Dead:
    def is_alive(self, owner: str) -> bool:
        return owner == "heir"


def recovery(world: World, owners: Any, owner: str = "heir") -> Recovery:
    return Recovery(
        store=world.store,
        journal=world.store,
        approvals=world.store,
        broadcast=world.broadcast,
        owners=owners,
        owner=owner,
        clock=world.clock,
        left_calls=world.left_calls,
    )


async def kill(world: World, session: Session, mortal: MortalStore) -> None:
    """Plays the turn until the process dies, and takes all its tasks away."""
    others = asyncio.all_tasks()
    playing = asyncio.create_task(play(world, session))
    dying = asyncio.create_task(mortal.died.wait())
    await asyncio.wait((playing, dying), return_when=asyncio.FIRST_COMPLETED, timeout=5)
    mortal.died.set()
    mortal.buried.set()
    while tasks := asyncio.all_tasks() - others:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def check_after_death(world: World, session: Session, directory: Path) -> None:
    async with opened(directory) as store:
        heir = world_on(store, owner="heir")
        await recovery(heir, Dead()).recover()
        assert await recovery(heir, Dead()).recover() == 0
        journal = await store.read_events(session.id, after_seq=0, limit=1000)
        ends = [item for item in journal if isinstance(item.event, TurnFinished)]
        assert len(ends) == len({item.turn_id for item in journal})
        sent = await check_next_request(heir, session)
        await check_nothing_is_lost(world, sent, [item.event for item in journal])
        texts = [block.text for message in sent for block in message.blocks if isinstance(block, Text)]
        assert len(texts) == len(set(texts))


@pytest.mark.parametrize("index", range(EVENTS))
async def test_process_that_is_killed_at_any_event_leaves_a_valid_history(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, index: int
) -> None:
    mortal = MortalStore(store)
    world = world_on(mortal, owner="dead")
    session = await world.sessions.create(name="s")
    with monkeypatch.context() as patch:
        at_event(patch, index, mortal.died.set)
        await kill(world, session, mortal)
    await check_after_death(world, session, tmp_path)


@pytest.mark.parametrize("when", ["dies_before", "dies_after"])
@pytest.mark.parametrize("write", range(WRITES))
async def test_process_that_is_killed_at_any_write_leaves_a_valid_history(
    store: SqliteStore, tmp_path: Path, write: int, when: str
) -> None:
    mortal = MortalStore(store)
    world = world_on(mortal, owner="dead")
    session = await world.sessions.create(name="s")
    setattr(mortal, when, write)
    await kill(world, session, mortal)
    await check_after_death(world, session, tmp_path)


# Two processes on one store.


async def test_second_process_leaves_a_live_turn_alone_and_a_third_ends_it_once(
    store: SqliteStore, tmp_path: Path
) -> None:
    first_locks, second_locks = OwnerLocks(tmp_path / "owners"), OwnerLocks(tmp_path / "owners")
    first_locks.hold("aaaaaaaa")
    second_locks.hold("bbbbbbbb")
    mortal = MortalStore(store)
    first, hang = world_on(mortal, owner="aaaaaaaa"), Hang(asyncio.Event(), asyncio.Event())
    first.model.answers = [(TextPiece(text="Half "), hang, says("Half and half."))] * 2
    session = await first.sessions.create(name="s")
    running = asyncio.create_task(first.run(session))
    await hang.reached.wait()
    async with opened(tmp_path) as other_store:
        second = world_on(other_store, owner="bbbbbbbb")
        assert await recovery(second, second_locks, "bbbbbbbb").recover() == 0
        with pytest.raises(TurnInProgressError):
            await second.chat.start_turn(session.id, "Me too.")
        hang.go_on.set()
        assert finished(await running).stop_reason is StopReason.END_TURN
        hang.go_on.clear()
        hang.reached.clear()
        await asyncio.gather(kill(first, session, mortal), strike_when(hang.reached, mortal.died.set))
        first_locks.release()
        async with asyncio.timeout(5):
            ended = await asyncio.gather(
                *(recovery(second, second_locks, "bbbbbbbb").recover() for _ in range(5)),
            )
        assert sorted(ended) == [0, 0, 0, 0, 1]
        assert await interruptions(other_store, session) == 1
        await check_next_request(second, session)
    second_locks.release()


async def strike_when(event: asyncio.Event, strike: Callable[[], None]) -> None:
    await event.wait()
    strike()


async def interruptions(store: SqliteStore, session: Session) -> int:
    journal: Sequence[SessionEvent] = await store.read_events(session.id, after_seq=0, limit=1000)
    ends = [item.event for item in journal if isinstance(item.event, TurnFinished)]
    return sum(end.stop_reason is StopReason.INTERRUPTED for end in ends)


# Sessions that were broken by hand.

ORPHAN = Message(role=Role.ASSISTANT, blocks=(CALLS[0],))
RESULT = ToolResult(tool_call_id="r", result=Result(success=True, output="ok"))


@pytest.mark.parametrize(
    "broken",
    [
        (ORPHAN,),
        (ORPHAN, Message(role=Role.USER, blocks=(RESULT, RESULT))),
        (Message(role=Role.USER, blocks=(RESULT,)),),
        (Message(role=Role.ASSISTANT, blocks=()), Message(role=Role.USER, blocks=(Text(text=" "),))),
    ],
    ids=["a call without a result", "two results", "a result without a call", "empty messages"],
)
async def test_session_that_was_broken_by_hand_is_mended_and_the_user_is_told_once(
    store: SqliteStore, broken: Sequence[Message]
) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    await store.append_messages(session.id, (Message(role=Role.USER, blocks=(Text(text="Hi"),)), *broken))
    stored = await store.newest_messages(session.id, 0)
    world.model.answers = [(says("Here."),)]
    events = await world.run(session, "Go on.")
    (notice,) = [event for event in events if isinstance(event, Notice)]
    assert notice.kind is NoticeKind.HISTORY_REPAIRED
    assert (await store.newest_messages(session.id, 0))[: len(stored)] == stored
    await check_next_request(world, session)


async def test_paused_answer_and_its_continuation_are_one_message_for_the_model(store: SqliteStore) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    paused = Answered(blocks=(Text(text="One"),), stop_reason="pause_turn", usage=Usage(), invalid_inputs={})
    world.model.answers = [(paused,), (calls(CALLS[0]),), (says("Done."),)]
    await world.run(session)
    assert violations(world.model.requests[-1].messages) == []
    await check_next_request(world, session)


async def test_answer_that_was_cut_off_within_a_thought_is_not_sent_as_it_is(store: SqliteStore) -> None:
    world = world_on(store)
    session = await world.sessions.create(name="s")
    cut = Answered(blocks=(THOUGHT,), stop_reason="max_tokens", usage=Usage(), invalid_inputs={})
    world.model.answers = [(cut,)]
    assert finished(await world.run(session)).stop_reason is StopReason.MAX_TOKENS
    await check_next_request(world, session)
