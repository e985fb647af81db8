"""Turns of sessions: started, cancelled, and told to everybody who listens."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from atmos_ai_sidecar.application.compaction import CompactionOrder, ContextUse
from atmos_ai_sidecar.application.neighbours import Neighbours
from atmos_ai_sidecar.application.ports.approver import Attendance, CallContext
from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.application.sessions import Sessions, checked_model, checked_text
from atmos_ai_sidecar.application.turns import TurnOrder, TurnParts, Turns, load_conversation, patiently, priced
from atmos_ai_sidecar.domain.budgets import Budget, Limits, Meter, Scope, Spent
from atmos_ai_sidecar.domain.events import Notice, SessionEvent, StopReason, TurnStarted
from atmos_ai_sidecar.domain.left_calls import LeftCall
from atmos_ai_sidecar.domain.messages import Message, Role, Text, Usage
from atmos_ai_sidecar.domain.prices import PRICES_DATE
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.domain.turn import TurnLimits
from atmos_ai_sidecar.errors import (
    BudgetExhaustedError,
    InvalidFieldError,
    ModelNotConfiguredError,
    ShuttingDownError,
    TurnInProgressError,
)


class Chat:
    """Runs the turns of one workspace: at most one in a session at a time.

    Guarantees: what the user said is stored before the model is asked; every event is journalled before anybody sees
    it; a turn ends with exactly one TurnFinished, whatever happens; slow listeners never hold a turn up.
    """

    def __init__(
        self,
        *,
        parts: TurnParts,
        sessions: Sessions,
        journal: Journal,
        turns: Turns,
        owner: str,
        redact: Callable[[str], str],
        check_model: Callable[[], Awaitable[None]],
        limits: TurnLimits,
        budgets: Mapping[Scope, Limits] | None = None,
        neighbours: Neighbours | None = None,
    ) -> None:
        self._parts = parts
        self._neighbours = neighbours
        self._sessions = sessions
        self._journal = journal
        self._turns = turns
        self._owner = owner
        self._redact = redact
        self._check_model = check_model
        self._limits = limits
        self._budgets = budgets or {}
        self._tasks: dict[asyncio.Task[None], SessionId] = {}
        self._is_closed = False

    async def start_turn(
        self,
        session_id: SessionId,
        text: str,
        *,
        model: str = "",
        run_id: str = "",
        attendance: Attendance = Attendance.NOBODY,
        max_steps: int | None = None,
        max_cost_usd: float | None = None,
        with_tools: bool = True,
    ) -> str:
        """Starts a turn in the background and returns its id.

        The text is stored before anything can fail; sent again without an answer in between, it is stored once.

        ``max_steps`` and ``max_cost_usd`` go over what is configured for a turn.

        Raises:
            InvalidFieldError, SessionNotFoundError, TurnInProgressError, ModelNotConfiguredError, ShuttingDownError
            BudgetExhaustedError: The budget of the run or the session is used up.
        """
        if self._is_closed:
            raise ShuttingDownError
        session = await self._sessions.get(session_id)
        text = self._redact(checked_text("text", text))
        if self._turns.is_running(session_id):
            raise TurnInProgressError(session.name)
        try:
            await self._check_model()
        except ModelNotConfiguredError:
            await self._keep_question(session, "", text)  # what was typed is not lost
            raise
        model = checked_model(model) if model else self._sessions.model_of(session)
        budgets = await self._checked_budgets(session, model, max_cost_usd)
        turn_id = str(uuid.uuid4())
        with self._turns.claiming(turn_id):
            await self._claim(session_id, turn_id)
            try:
                left = await asyncio.to_thread(self._parts.left_calls.of_session, session_id)
                await self._record_question(session, turn_id, text, model, left)
            except BaseException:
                await asyncio.shield(self._journal.finish_turn(session_id, turn_id))
                raise
            order = TurnOrder(
                session_id=session_id,
                turn_id=turn_id,
                model=model,
                context=CallContext(session_id=session_id, turn_id=turn_id, run_id=run_id, attendance=attendance),
                limits=TurnLimits(max_steps=max_steps) if max_steps is not None else self._limits,
                with_tools=with_tools,
                budgets=budgets,
                notices=tuple(map(self._parts.left_calls.notice, left)),
            )
            task = self._turns.start(self._parts, order)
            self._tasks[task] = session_id
            task.add_done_callback(self._tasks.pop)
        return turn_id

    async def _claim(self, session_id: SessionId, turn_id: str) -> None:
        """Claims the session for a turn. A claim that nobody stands behind any more is ended first.

        Raises:
            TurnInProgressError: Another process runs a turn in it.
        """
        clock, neighbours = self._parts.clock, self._neighbours
        if neighbours is not None:
            await patiently(clock, lambda: neighbours.is_running(session_id))
        await patiently(clock, lambda: self._journal.begin_turn(session_id, turn_id, self._owner))

    async def _checked_budgets(self, session: Session, model: str, max_cost_usd: float | None) -> Sequence[Budget]:
        """The budgets of a turn, none of them used up.

        Raises:
            BudgetExhaustedError: One is.
            InvalidFieldError: A cost is limited that nobody can count.
        """
        limits = dict(self._budgets)
        if max_cost_usd is not None:
            limits[Scope.TURN] = replace(limits.get(Scope.TURN, Limits()), max_cost_usd=max_cost_usd)
        if self._parts.prices.find(model) is None and any(limit.max_cost_usd is not None for limit in limits.values()):
            raise InvalidFieldError(
                "max_cost_usd",
                f"cannot be kept, because the price of the model {model!r} is not known",
                remedy=f"Give it in `ai.prices`, or limit max_tokens (prices as of {PRICES_DATE}).",
                model=model,
            )
        budgets = [
            Budget(scope=scope, limits=limits[scope], before=await self._spent_before(scope, session.id, model))
            for scope in Scope
            if limits.get(scope, Limits()) != Limits()
        ]
        overrun = Meter(budgets).overrun()
        if overrun is not None:
            raise BudgetExhaustedError(
                f"The budget is used up: {overrun}.",
                remedy=f"Raise {overrun.key}"
                + (", or start a new session." if overrun.scope is Scope.SESSION else "."),
                setting=overrun.key,
            )
        return budgets

    async def _spent_before(self, scope: Scope, session_id: SessionId, model: str) -> Spent:
        if scope is Scope.TURN:
            return Spent()
        if scope is Scope.RUN:
            return self._parts.ledger.spent
        price = self._parts.prices.find(model)
        # What was asked of a model without a price counts as if it had been this one.
        return await self._spent_in(session_id, unpriced=price.cost_usd if price is not None else None)

    async def _spent_in(self, session_id: SessionId, *, unpriced: Callable[[Usage], float] | None = None) -> Spent:
        stored = await self._parts.store.newest_messages(session_id, 0)
        used = [message.usage for message in stored if message.usage is not None]
        if unpriced is not None:
            used = [u if u.cost_usd is not None else replace(u, cost_usd=unpriced(u)) for u in used]
        summaries = Spent(usage=await self._parts.compactor.spent(session_id))
        return sum((Spent(steps=1, usage=usage) for usage in used), summaries)

    async def _record_question(
        self, session: Session, turn_id: str, text: str, model: str, left: Sequence[LeftCall]
    ) -> None:
        clock = self._parts.clock
        await self._keep_question(session, turn_id, text, left)
        await self._sessions.choose_model(session.id, model)
        started = TurnStarted(user_message=text, model=model)
        await patiently(clock, lambda: self._parts.broadcast.publish(session.id, turn_id, (started,)))

    async def _keep_question(self, session: Session, turn_id: str, text: str, left: Sequence[LeftCall] = ()) -> None:
        """Stores the question, after what is to be told about calls that an earlier turn left behind."""
        store, clock, left_calls = self._parts.store, self._parts.clock, self._parts.left_calls
        message = Message(role=Role.USER, blocks=(Text(text=text),), turn_id=turn_id)
        last = await patiently(clock, lambda: store.newest_messages(session.id, 1))
        if not last or (last[0].role, last[0].blocks) != (message.role, message.blocks):
            notes = [
                Message(role=Role.USER, blocks=(Text(text=left_calls.note(call)),), turn_id=turn_id) for call in left
            ]
            await patiently(clock, lambda: store.append_messages(session.id, (*notes, message)))
            left_calls.told(call.call_id for call in left)

    async def cancel_turn(self, session_id: SessionId) -> bool:
        """Cancels the running turn; False when none runs. TurnFinished follows.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        await self._sessions.get(session_id)
        return self._turns.cancel(session_id)

    async def compact(self, session_id: SessionId, *, focus: str = "", model: str = "") -> Sequence[Notice]:
        """Summarises a session now, and tells what came of it. What is stored stays as it is.

        Raises:
            SessionNotFoundError, TurnInProgressError, ModelNotConfiguredError, BudgetExhaustedError
        """
        session = await self._sessions.get(session_id)
        await self._check_model()
        asked = model or self._sessions.model_of(session)
        await self._checked_budgets(session, asked, None)
        if self._turns.is_running(session_id):
            raise TurnInProgressError(session.name)
        parts, claim, notices = self._parts, str(uuid.uuid4()), list[Notice]()
        with self._turns.claiming(claim):
            await self._claim(session_id, claim)
            try:
                memory = self._turns.memory(session_id)
                conversation = await load_conversation(parts, session_id, asked, memory)
                order = CompactionOrder(
                    count=lambda usage, request: priced(parts, usage, request.model),
                    tell=notices.append,
                    focus=self._redact(focus),
                    is_forced=True,
                )
                if await parts.compactor.fit(conversation, order):
                    memory.cached = None
            finally:
                await asyncio.shield(self._journal.finish_turn(session_id, claim))
        return notices

    async def context(self, session_id: SessionId) -> ContextUse:
        """What fills the model's window, by our own estimate.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        session = await self._sessions.get(session_id)
        memory = self._turns.memory(session_id)
        model = self._sessions.model_of(session)
        return self._parts.compactor.use(await load_conversation(self._parts, session_id, model, memory))

    async def spent(self, session_id: SessionId) -> Spent:
        """What the turns and summaries of a session used; its cost is None when a model had no price.

        Raises:
            SessionNotFoundError: There is no such session.
        """
        await self._sessions.get(session_id)
        return await self._spent_in(session_id)

    def is_running(self, session_id: SessionId) -> bool:
        return self._turns.is_running(session_id)

    async def is_running_elsewhere(self, session_id: SessionId) -> bool:
        """Whether another process runs a turn in the session. One that died in it is told as interrupted."""
        return self._neighbours is not None and await self._neighbours.is_running(session_id)

    async def last_seq(self, session_id: SessionId) -> int:
        """The newest sequence number of the session's journal."""
        return await self._parts.broadcast.last_seq(session_id)

    async def first_seq(self, session_id: SessionId, *, after_seq: int) -> int:
        """The first number after ``after_seq`` that ``events`` will tell; what lies between was forgotten."""
        return await self._parts.broadcast.first_seq(session_id, after_seq=after_seq)

    def events(
        self, session_id: SessionId, *, after_seq: int | None = None, follows_others: bool = False
    ) -> AbstractAsyncContextManager[AsyncIterator[SessionEvent]]:
        """Events after ``after_seq`` from the journal and then live ones, without gap or duplicate; None: live only.

        A listener that is slow reads what it missed from the journal. Entering the context fixes the starting point.
        ``follows_others`` tells the turns of other processes too.
        """
        return self._parts.broadcast.events(session_id, after_seq=after_seq, follows_others=follows_others)

    async def close(self) -> None:
        """Takes no more turns, cancels those that this workspace started, and waits for their end."""
        self._is_closed = True
        for session_id in self._tasks.values():
            self._turns.cancel(session_id, StopReason.CANCELLED)
        if self._tasks:
            await asyncio.wait(set(self._tasks))
