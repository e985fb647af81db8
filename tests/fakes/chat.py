import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.compaction import ContextUse
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.domain.budgets import Spent
from atmos_ai_sidecar.domain.events import (
    Notice,
    NoticeKind,
    PermissionRequested,
    PermissionResolved,
    SessionEvent,
    StopReason,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from atmos_ai_sidecar.domain.grants import Grant, smallest_grant
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, Rule
from atmos_ai_sidecar.domain.questions import options_for, question_lines, title_for
from atmos_ai_sidecar.domain.requests import PermissionRequest, canonical_json
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.domain.tools import Result, Tool
from tests.fakes.approval_store import FakeApprovalStore
from tests.fakes.clock import START
from tests.fakes.session_store import FakeSessionStore


class ScriptedTurn:
    """What a test's script says and does in place of a model."""

    def __init__(self, chat: "ScriptedChat", session_id: SessionId, turn_id: str, arguments: dict[str, Any]) -> None:
        self.text: str = arguments["text"]
        self.arguments = arguments
        self.finished = TurnFinished(stop_reason=StopReason.END_TURN)
        self._chat = chat
        self._session_id = session_id
        self._turn_id = turn_id
        self._said = ""
        self._usage: Usage | None = None
        self._calls = itertools.count(1)

    def put(self, event: TurnEvent) -> None:
        if isinstance(event, UsageReported):
            self._usage = event.usage
        self._chat.publish(self._session_id, self._turn_id, event)

    async def say(self, text: str) -> None:
        self._said += text
        self.put(TextDelta(text=text))
        await asyncio.sleep(0)

    async def call(self, tool: Tool, **values: Any) -> Result:
        """Calls a tool; one that needs permission asks first."""
        call = ToolCall(id=f"{self._turn_id}-call-{next(self._calls)}", name=tool.name, input=values)
        await self._store(Role.ASSISTANT, Text(text=self._said), call)
        self._said = ""
        self.put(ToolCallStarted(tool_call=call, title=title_for(tool, call)))
        result = await self._run(tool, call)
        self.put(ToolCallFinished(tool_result=ToolResult(tool_call_id=call.id, result=result)))
        await self._store(Role.USER, ToolResult(tool_call_id=call.id, result=result))
        return result

    def fail(self, reason: str, message: str) -> None:
        self.finished = TurnFinished(stop_reason=StopReason.ERROR, reason=reason, message=message)

    async def end(self) -> None:
        await self._store(Role.ASSISTANT, Text(text=self._said), usage=self._usage)

    async def _run(self, tool: Tool, call: ToolCall) -> Result:
        if tool.requires_permission:
            request = await self._ask(tool, call)
            if request.outcome is None or not request.outcome.allows:
                is_alone = request.outcome is not None and request.outcome.value == "unattended"
                reason = "UNATTENDED" if is_alone else "TOOL_EXECUTION_DENIED"
                said = f" The user says: {request.comment}" if request.comment else ""
                error = f"{tool.name} was denied: the user rejected the call.{said}"
                return Result(success=False, output=error, error=error, reason=reason)
        return await tool.execute(call.input, None)  # type: ignore[arg-type]  # these tools look at nothing

    async def _ask(self, tool: Tool, call: ToolCall) -> PermissionRequest:
        decision = Decision(
            kind=DecisionKind.ASK, reason="the tool runs programs", rule=Rule(text="tools that need permission ask")
        )
        options = options_for(tool, call, decision)
        request = PermissionRequest(
            id=f"request-{call.id}",
            session_id=self._session_id,
            turn_id=self._turn_id,
            tool_call_id=call.id,
            run_id=self.arguments["run_id"],
            tool=tool.name,
            effect=tool.effect,
            canonical_input=canonical_json(dict(call.input)),
            title=title_for(tool, call),
            stack=str(call.input.get("stack", "")),
            lines=question_lines(tool, call, decision),
            options=options,
            digest=f"digest-{call.id}",
            create_time=START,
            expire_time=START + timedelta(hours=1),
        )
        self.put(PermissionRequested(request=request))
        settled = await self._chat.approvals.ask(
            request,
            store=self._chat.approval_store,
            attendance=self.arguments["attendance"],
            remember=self._chat.grants.append,
            grants={
                option.id: smallest_grant(tool, call.input, allow=option.answer.allows)
                for option in options
                if option.answer.is_remembered
            },
        )
        assert settled.outcome is not None
        self.put(
            PermissionResolved(
                permission_request_id=request.id, outcome=settled.outcome, resolved_by=settled.resolved_by
            )
        )
        return settled

    async def _store(self, role: Role, *blocks: Any, usage: Usage | None = None) -> None:
        kept = tuple(block for block in blocks if not (isinstance(block, Text) and not block.text))
        if kept:
            message = Message(role=role, blocks=kept, turn_id=self._turn_id, usage=usage)
            await self._chat.store.append_messages(self._session_id, (message,))


Script = Callable[[ScriptedTurn], Awaitable[None]]


class ScriptedChat:
    """Turns that do what a script says; the rest as the real Chat does it."""

    def __init__(self, store: FakeSessionStore, approvals: Approvals, script: Script) -> None:
        self.store = store
        self.approvals = approvals
        self.approval_store = FakeApprovalStore()
        self.script = script
        self.error: Exception | None = None
        self.grants: list[Grant] = []
        self.turns: list[ScriptedTurn] = []
        self.foci: list[str] = []
        self.elsewhere: set[SessionId] = set()
        self.may_compact = asyncio.Event()
        self._listeners: dict[SessionId, list[asyncio.Queue[SessionEvent]]] = {}
        self._told: dict[SessionId, list[SessionEvent]] = {}
        self._tasks: dict[SessionId, asyncio.Task[None]] = {}
        approvals.add_store(self.approval_store)

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
        if self.error is not None:
            raise self.error
        arguments = {
            "text": text,
            "model": model,
            "run_id": run_id,
            "attendance": attendance,
            "max_steps": max_steps,
            "max_cost_usd": max_cost_usd,
            "with_tools": with_tools,
        }
        turn_id = f"turn-{len(self.turns) + 1}"
        turn = ScriptedTurn(self, session_id, turn_id, arguments)
        self.turns.append(turn)
        await self.store.append_messages(
            session_id, (Message(role=Role.USER, blocks=(Text(text=text),), turn_id=turn_id),)
        )
        self.publish(session_id, turn_id, TurnStarted(user_message=text, model=model or "fake-model"))
        self._tasks[session_id] = asyncio.create_task(self._run(turn, session_id, turn_id))
        return turn_id

    async def cancel_turn(self, session_id: SessionId) -> bool:
        return self.is_running(session_id) and self._tasks[session_id].cancel()

    def is_running(self, session_id: SessionId) -> bool:
        task = self._tasks.get(session_id)
        return task is not None and not task.done()

    async def is_running_elsewhere(self, session_id: SessionId) -> bool:
        return session_id in self.elsewhere

    async def context(self, session_id: SessionId) -> ContextUse:
        count = len(await self.store.newest_messages(session_id, 0))
        return ContextUse(window=1000, limit=800, system=100, tools=50, messages=count * 10, tool_outputs=0, summary=0)

    async def spent(self, session_id: SessionId) -> Spent:
        stored = await self.store.newest_messages(session_id, 0)
        used = [message.usage for message in stored if message.usage is not None]
        return sum((Spent(steps=1, usage=usage) for usage in used), Spent())

    async def compact(self, session_id: SessionId, *, focus: str = "", model: str = "") -> Sequence[Notice]:
        self.foci.append(focus)
        await self.may_compact.wait()
        return [Notice(kind=NoticeKind.COMPACTED, message="Made it shorter.")]

    async def last_seq(self, session_id: SessionId) -> int:
        told = self._told.get(session_id, [])
        return told[-1].seq if told else 0

    async def first_seq(self, session_id: SessionId, *, after_seq: int) -> int:
        return after_seq + 1

    @asynccontextmanager
    async def events(
        self, session_id: SessionId, *, after_seq: int | None = None, follows_others: bool = False
    ) -> AsyncIterator[AsyncIterator[SessionEvent]]:
        queue: asyncio.Queue[SessionEvent] = asyncio.Queue()
        listeners = self._listeners.setdefault(session_id, [])
        listeners.append(queue)
        if after_seq is not None:
            for happened in self._told.get(session_id, []):
                if happened.seq > after_seq:
                    queue.put_nowait(happened)

        async def follow() -> AsyncIterator[SessionEvent]:
            while True:
                yield await queue.get()

        try:
            yield follow()
        finally:
            listeners.remove(queue)

    async def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def publish(self, session_id: SessionId, turn_id: str, event: TurnEvent) -> None:
        told = self._told.setdefault(session_id, [])
        happened = SessionEvent(seq=len(told) + 1, turn_id=turn_id, time=START, event=event)
        told.append(happened)
        for queue in self._listeners.get(session_id, []):
            queue.put_nowait(happened)

    async def _run(self, turn: ScriptedTurn, session_id: SessionId, turn_id: str) -> None:
        try:
            await self.script(turn)
        except asyncio.CancelledError:
            turn.finished = dataclasses.replace(turn.finished, stop_reason=StopReason.CANCELLED)
        await turn.end()
        self._tasks.pop(session_id)
        self.publish(session_id, turn_id, turn.finished)
