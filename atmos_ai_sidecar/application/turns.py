"""Running turns: each is one task that drives the turn machine and survives every failure of what it drives."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field, replace
from functools import partial
from typing import TypeVar

from atmos_ai_sidecar.application.approvals import ApprovalEvent, Question
from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.compaction import CompactionOrder, Compactor, Conversation
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.outbox import Outbox
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.model import Answered, Model, ModelRequest, Retrying, TextPiece, ThinkingPiece
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.application.tools import ToolExecutor
from atmos_ai_sidecar.application.turn_reports import budget_notice, failed, failure, repair_notice
from atmos_ai_sidecar.domain import turn as machine
from atmos_ai_sidecar.domain.budgets import Budget, Spent
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    NoticeKind,
    PermissionRequested,
    PermissionResolved,
    SessionEvent,
    StopReason,
    TextDelta,
    ThinkingDelta,
    ToolCallFinished,
    ToolCallOutput,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    UsageReported,
)
from atmos_ai_sidecar.domain.history import repaired
from atmos_ai_sidecar.domain.messages import Block, Message, ToolCall, Usage
from atmos_ai_sidecar.domain.prices import PriceTable
from atmos_ai_sidecar.domain.prompt_cache import CachedPrompt
from atmos_ai_sidecar.domain.requests import digest
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import ModelFailedError, SidecarError, StorageBusyError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

_LOG = logging.getLogger(__name__)
BUSY_TRIES = 8
MAX_MEMORIES = 256
"""With the store's own busy timeout of 5 s, a store that is locked for 30 s is outlived."""

_T = TypeVar("_T")


async def patiently(clock: Clock, call: Callable[[], Awaitable[_T]]) -> _T:
    """The call's answer, tried again while the store is busy.

    Raises:
        StorageBusyError: It was busy at every try.
    """
    for _ in range(BUSY_TRIES - 1):
        try:
            return await call()
        except StorageBusyError as error:
            _LOG.warning("the session store is busy, trying again in %s s", error.retry_seconds)
            await clock.sleep(error.retry_seconds)
    return await call()


@dataclass(slots=True)
class Ledger:
    """What the turns of one run have used so far."""

    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnParts:
    """What a turn works with; the same for all turns of a workspace."""

    store: SessionStore
    broadcast: Broadcast
    model: Model
    compactor: Compactor
    tools: ToolExecutor
    permissions: Permissions
    left_calls: LeftCalls
    clock: Clock
    system: Callable[[], Sequence[str]]
    max_tokens: int
    timeout_seconds: float | None
    prices: PriceTable = field(default_factory=PriceTable)
    ledger: Ledger = field(default_factory=Ledger)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOrder:
    """What one turn shall do."""

    session_id: SessionId
    turn_id: str
    model: str
    context: CallContext
    limits: machine.TurnLimits
    with_tools: bool
    budgets: Sequence[Budget] = ()
    notices: Sequence[Notice] = ()
    """What the user is told first."""


@dataclass(slots=True)
class SessionMemory:
    """What a process knows of a session beside what is stored; nothing of it must be right."""

    is_mended: bool = False
    """Its damage was told: once is enough."""
    told_problems: Sequence[str] = ()
    """What was told last about tools that are missing."""
    cached: CachedPrompt | None = None
    factor: float = 1.0
    """See ``Conversation``."""


async def load_conversation(parts: TurnParts, session_id: SessionId, model: str, memory: SessionMemory) -> Conversation:
    """The session as it is stored, with the system prompt and the tools of this moment."""
    await parts.tools.load()
    conversation = Conversation(
        session_id=session_id,
        model=model,
        max_tokens=parts.max_tokens,
        timeout_seconds=parts.timeout_seconds,
        system=parts.system(),
        tools=parts.tools.offered(parts.permissions.pin()),
        factor=memory.factor,
    )
    await parts.compactor.load(conversation)
    return conversation


def priced(parts: TurnParts, usage: Usage, model: str) -> Usage:
    """The usage of one request with its cost, noted in the run's ledger."""
    price = parts.prices.find(model)
    counted = replace(usage, cost_usd=None if price is None else price.cost_usd(usage))
    parts.ledger.spent += Spent(steps=1, usage=counted)
    return counted


class RunningTurn:
    """Drives one turn to its TurnFinished, whatever happens on the way."""

    def __init__(
        self,
        parts: TurnParts,
        order: TurnOrder,
        *,
        release: Callable[[], None],
        memory: SessionMemory,
    ) -> None:
        self.order = order
        self._memory = memory
        self._parts = parts
        self._release = release
        self._turn = machine.Turn(limits=order.limits, is_parallel=parts.tools.is_parallel, budgets=order.budgets)
        self._outbox = Outbox(self._publish, parts.clock)
        self._conversation: Conversation | None = None
        self._announced: set[str] = set()
        self._stop: StopReason | None = None
        self._step: asyncio.Task[machine.Action] | None = None

    def cancel(self, stop_reason: StopReason = StopReason.CANCELLED) -> None:
        """Ends the turn as soon as possible; TurnFinished follows."""
        self._stop = self._stop or stop_reason
        if self._step is not None:
            self._step.cancel()

    def put(self, event: TurnEvent) -> None:
        """Journals an event that belongs to the turn and comes from elsewhere."""
        self._outbox.put(event)

    async def run(self) -> None:
        """Runs the turn. Never raises, but for the end of the process."""
        publisher = asyncio.create_task(self._outbox.run())
        publisher.add_done_callback(lambda _: self._outbox_ended())
        for notice in self.order.notices:
            self._outbox.put(notice)
        try:
            finished = await self._drive()
        except Exception as bug:  # noqa: BLE001 - whatever it was, the turn must end: its session waits for that
            finished = failure(bug, TurnFinished(stop_reason=StopReason.ERROR, usage=self._turn.usage))
        self._outbox.close()
        (error,) = await asyncio.gather(publisher, return_exceptions=True)
        if error is not None:
            finished = failure(error, finished)
        await self._finish(finished)
        await self._parts.broadcast.prune(self.order.session_id, self._parts.clock.now())

    def _outbox_ended(self) -> None:
        if self._turn.phase is not machine.Phase.FINISHED:
            self.cancel(StopReason.ERROR)

    async def _drive(self) -> TurnFinished:
        action = self._turn.start()
        while not isinstance(action, machine.Finish):
            action = await self._next(action)
            try:
                await self._save()
            except SidecarError as error:
                self._turn.feed(machine.Cancelled(stop_reason=StopReason.ERROR))
                return failure(error, TurnFinished(stop_reason=StopReason.ERROR, usage=self._turn.usage))
        return action.event

    async def _next(self, action: machine.Action) -> machine.Action:
        """Performs an action and answers with the next one; a stop comes between at any point."""
        if self._stop is None:
            self._step = asyncio.create_task(self._perform(action))
            await asyncio.wait({self._step})
            step, self._step = self._step, None
            if not step.cancelled():
                error = step.exception()
                if error is None:
                    return step.result()
                return self._turn.feed(failed(error))
        return self._turn.feed(machine.Cancelled(stop_reason=self._stop or StopReason.CANCELLED))

    async def _perform(self, action: machine.Action) -> machine.Action:
        if isinstance(action, machine.RunTools):
            return await self._run_tools(action.calls)
        return await self._ask_model()

    async def _ask_model(self) -> machine.Action:
        conversation = await self._loaded()
        order = CompactionOrder(count=self._charged, tell=self._outbox.put)
        await self._parts.compactor.fit(conversation, order)
        try:
            return await self._stream(conversation)
        except ModelFailedError as error:
            # The provider counts otherwise than we do.
            is_too_long = error.metadata.get("kind") == "prompt_too_long"
            if not is_too_long or not await self._parts.compactor.fit(conversation, replace(order, is_forced=True)):
                raise
            return await self._stream(conversation)

    async def _stream(self, conversation: Conversation) -> machine.Action:
        parts, request = self._parts, conversation.request()
        asked_time = parts.clock.monotonic()
        async with parts.model.stream(request) as events:
            async for event in events:
                match event:
                    case TextPiece():
                        self._turn.feed(machine.Said(text=event.text))
                        self._outbox.put(TextDelta(text=event.text))
                    case ThinkingPiece():
                        self._outbox.put(ThinkingDelta(thinking=event.thinking))
                    case Retrying():
                        self._turn.feed(machine.Restarted())
                        self._outbox.put(
                            ModelRetrying(
                                attempt=event.attempt, delay_seconds=event.delay_seconds, message=event.message
                            )
                        )
                    case Answered():
                        conversation.learn(event.usage)
                        self._memory.factor = conversation.factor
                        return self._turn.feed(
                            machine.Answered(
                                blocks=event.blocks,
                                stop_reason=event.stop_reason,
                                usage=self._counted(event.usage, request, asked_time),
                                invalid_inputs=event.invalid_inputs,
                            )
                        )
        return self._turn.feed(
            machine.Failed(reason="MODEL_UNAVAILABLE", message="The model's answer ended without a final event.")
        )

    async def _loaded(self) -> Conversation:
        """The conversation with the system prompt and the tools of this moment."""
        parts, order = self._parts, self.order
        if self._conversation is None:
            self._conversation = await load_conversation(parts, order.session_id, order.model, self._memory)
            repairs = repaired(self._conversation.messages).repairs
            if repairs and not self._memory.is_mended:
                self._memory.is_mended = True
                _LOG.warning("the history of session %s was repaired: %s", order.session_id, " ".join(repairs))
                self._outbox.put(repair_notice(repairs))
        await parts.tools.load()
        if order.with_tools:
            self._tell_problems(parts.tools.problems)
        self._conversation.system = parts.system()
        self._conversation.tools = parts.tools.offered(parts.permissions.pin()) if order.with_tools else ()
        return self._conversation

    def _tell_problems(self, problems: Sequence[str]) -> None:
        """Tells why tools are missing, when that is news."""
        if problems and tuple(problems) != self._memory.told_problems:
            self._outbox.put(Notice(kind=NoticeKind.TOOLS_LEFT_OUT, message=" ".join(problems)))
        self._memory.told_problems = tuple(problems)

    def _charged(self, usage: Usage, request: ModelRequest) -> Usage:
        """Counts a summary on the turn's account."""
        counted = priced(self._parts, usage, request.model)
        self._turn.charge(counted)
        self._memory.cached = None
        return counted

    def _counted(self, usage: Usage, request: ModelRequest, asked_time: float) -> Usage:
        """The usage of one request with its cost, and whether the cache failed it; remembers what is cached now."""
        prefix = digest(request.model, *request.system, *(tool.name for tool in request.tools))
        before = self._memory.cached
        is_missed = before is not None and before.is_missed_by(usage, prefix=prefix, time=asked_time)
        self._memory.cached = CachedPrompt(
            prefix=prefix,
            tokens=usage.cache_read_input_tokens + usage.cache_creation_input_tokens,
            time=self._parts.clock.monotonic(),
        )
        return priced(self._parts, replace(usage, cache_misses=int(is_missed)), request.model)

    async def _run_tools(self, calls: Sequence[ToolCall]) -> machine.Action:
        for call in calls:
            self._outbox.put(ToolCallStarted(tool_call=call, title=self._parts.tools.title(call)))
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run_tool(call)) for call in calls]
        return tasks[-1].result() if len(tasks) == 1 else _last_action(tasks)

    async def _run_tool(self, call: ToolCall) -> machine.Action:
        result = await self._parts.tools.execute(
            call,
            context=self.order.context,
            policy=self._parts.permissions.pin(),
            emit=lambda piece: self._outbox.put(ToolCallOutput(tool_call_id=call.id, piece=piece)),
        )
        self._announced.add(call.id)
        self._outbox.put(ToolCallFinished(tool_result=result))
        return self._turn.feed(machine.CallFinished(tool_result=result))

    async def _save(self) -> None:
        """Stores what the turn has said and done since the last time, and reports it."""
        messages = self._turn.take_unsaved()
        for level in self._turn.take_warnings():
            self._outbox.put(budget_notice(level))
        if not messages:
            return
        order, store = self.order, self._parts.store
        marked = [
            Message(role=m.role, blocks=await self._completed(m), turn_id=order.turn_id, usage=m.usage)
            for m in messages
        ]
        stored = await patiently(self._parts.clock, lambda: store.append_messages(order.session_id, marked))
        if self._conversation is not None:
            self._conversation.messages.extend(stored)
        for message in stored:
            self._parts.left_calls.told(answered.tool_call_id for answered in message.tool_results)
            for answered in message.tool_results:
                if answered.tool_call_id not in self._announced:
                    self._outbox.put(ToolCallFinished(tool_result=answered))
            if message.usage is not None:
                self._outbox.put(UsageReported(usage=self._turn.usage))

    async def _completed(self, message: Message) -> Sequence[Block]:
        """The message's blocks, with what is known of calls that go on without the turn; the user is told as well."""
        cut_off = {answered.tool_call_id for answered in message.tool_results} - self._announced
        if not cut_off:
            return message.blocks
        completed = await asyncio.to_thread(self._parts.left_calls.completed, message.blocks, cut_off)
        for notice in completed.notices:
            self._outbox.put(notice)
        return completed.blocks

    async def _publish(self, events: Sequence[TurnEvent]) -> None:
        order = self.order
        await patiently(
            self._parts.clock, lambda: self._parts.broadcast.publish(order.session_id, order.turn_id, events)
        )

    async def _finish(self, finished: TurnFinished) -> None:
        _LOG.info("turn %s ended: %s %s", self.order.turn_id, finished.stop_reason.value, finished.reason)
        order, parts = self.order, self._parts
        try:
            await patiently(
                parts.clock,
                lambda: parts.broadcast.publish(
                    order.session_id, order.turn_id, (finished,), before_telling=self._release
                ),
            )
        except Exception as error:  # noqa: BLE001 - the store takes nothing: whoever listens shall hear the end
            _LOG.error("the end of turn %s could not be journalled: %s", order.turn_id, error)
            self._release()
            last_seq = await _last_seq(parts.broadcast, order.session_id)
            event = SessionEvent(
                seq=last_seq + 1, turn_id=order.turn_id, time=parts.clock.now(), event=failure(error, finished)
            )
            parts.broadcast.announce(event, order.session_id)


async def _last_seq(broadcast: Broadcast, session_id: SessionId) -> int:
    try:
        return await broadcast.last_seq(session_id)
    except Exception:  # noqa: BLE001 - as above
        return 0


def _last_action(tasks: Sequence[asyncio.Task[machine.Action]]) -> machine.Action:
    """Of calls that ran together, only the one that finished last was answered with something to do."""
    return next((task.result() for task in tasks if not isinstance(task.result(), machine.Wait)), machine.Wait())


class Turns:
    """The running turns of one store, whichever workspace of this process started them."""

    def __init__(self) -> None:
        self._running: dict[SessionId, tuple[RunningTurn, asyncio.Task[None]]] = {}
        self._memories: OrderedDict[SessionId, SessionMemory] = OrderedDict()
        self._claims: set[str] = set()

    @contextmanager
    def claiming(self, turn_id: str) -> Iterator[None]:
        """Counts a turn as one of this process while the context lasts; one that ``start`` took, until its end."""
        self._claims.add(turn_id)
        try:
            yield
        finally:
            if not any(turn.order.turn_id == turn_id for turn, _ in self._running.values()):
                self._claims.discard(turn_id)

    def is_claimed(self, turn_id: str) -> bool:
        """Whether this process still has something to do for that turn."""
        return turn_id in self._claims

    def start(self, parts: TurnParts, order: TurnOrder) -> asyncio.Task[None]:
        """Starts a turn as a task that this object owns."""
        release = partial(self._release, order)
        turn = RunningTurn(parts, order, release=release, memory=self.memory(order.session_id))
        task = asyncio.create_task(turn.run(), name=f"turn {order.turn_id}")
        self._running[order.session_id] = (turn, task)
        return task

    def memory(self, session_id: SessionId) -> SessionMemory:
        """What this process knows of the session beside what is stored; of many, those used last."""
        memory = self._memories.setdefault(session_id, SessionMemory())
        self._memories.move_to_end(session_id)
        if len(self._memories) > MAX_MEMORIES:
            self._memories.popitem(last=False)
        return memory

    @property
    def is_busy(self) -> bool:
        """Whether any turn runs."""
        return bool(self._running)

    def is_running(self, session_id: SessionId) -> bool:
        return session_id in self._running

    def cancel(self, session_id: SessionId, stop_reason: StopReason = StopReason.CANCELLED) -> bool:
        """Cancels the session's turn; False when none runs."""
        running = self._running.get(session_id)
        if running is not None:
            running[0].cancel(stop_reason)
        return running is not None

    def hear(self, event: ApprovalEvent) -> None:
        """Journals a question or its settlement with the turn that asked."""
        request = event.request
        running = self._running.get(SessionId(request.session_id))
        if running is None or running[0].order.turn_id != request.turn_id:
            return
        if isinstance(event, Question):
            running[0].put(PermissionRequested(request=request))
        elif request.outcome is not None:
            running[0].put(
                PermissionResolved(
                    permission_request_id=request.id, outcome=request.outcome, resolved_by=request.resolved_by
                )
            )

    def _release(self, order: TurnOrder) -> None:
        self._running.pop(order.session_id, None)
        self._claims.discard(order.turn_id)
