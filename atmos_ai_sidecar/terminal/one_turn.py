"""One turn for a command that is not the chat: run it, watch it, remember what matters."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import field
from typing import Any

from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    Notice,
    PermissionRequested,
    PermissionResolved,
    StopReason,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.interruption import Interruption


@dataclass(slots=True, kw_only=True)
class CallRecord:
    call: ToolCall
    title: str
    result: Result | None = None
    was_asked: bool = False
    """A permission request was raised for it."""

    @property
    def needs_approval(self) -> bool:
        return self.result is not None and self.result.reason == "UNATTENDED"

    @property
    def is_denied_by_policy(self) -> bool:
        return self.result is not None and self.result.reason == "TOOL_EXECUTION_DENIED" and not self.was_asked


@dataclass(slots=True, kw_only=True)
class TurnRecord:
    """What a turn came to."""

    text: str = ""
    """Everything the model said; a part that a retry made void is not in it."""
    answer: str = ""
    """What it said last."""
    model: str = ""
    calls: dict[str, CallRecord] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    finished: TurnFinished | None = None
    signal: str = ""
    """The signal that ended it early."""
    _step: str = ""

    def add(self, event: TurnEvent) -> None:
        """Takes one event in."""
        match event:
            case TurnStarted():
                self.model = event.model
            case TextDelta():
                self._step += event.text
            case ModelRetrying():
                self._step = ""
            case ToolCallStarted():
                self._end_step()
                self.calls[event.tool_call.id] = CallRecord(call=event.tool_call, title=event.title)
            case PermissionRequested() if event.request.tool_call_id in self.calls:
                self.calls[event.request.tool_call_id].was_asked = True
            case ToolCallFinished() if event.tool_result.tool_call_id in self.calls:
                self.calls[event.tool_result.tool_call_id].result = event.tool_result.result
            case Notice():
                self.notices.append(event)
            case TurnFinished():
                self._end_step()
                self.finished = event

    def _end_step(self) -> None:
        if self._step.strip():
            self.answer = self._step.strip("\n")
            self.text += ("\n\n" if self.text else "") + self.answer
        self._step = ""

    @property
    def stop_reason(self) -> StopReason:
        return self.finished.stop_reason if self.finished else StopReason.INTERRUPTED

    @property
    def exit_code(self) -> int:
        """One list for all commands: a signal beats a failure, a failure a call that was not allowed."""
        if self.signal:
            return exit_codes.of_signal(self.signal)
        code = exit_codes.of_stop_reason(self.stop_reason)
        if code:
            return code
        if any(record.needs_approval for record in self.calls.values()):
            return exit_codes.NEEDS_APPROVAL
        if any(record.is_denied_by_policy for record in self.calls.values()):
            return exit_codes.DENIED
        return exit_codes.DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    session: Session
    text: str
    model: str = ""
    max_steps: int | None = None
    max_cost_usd: float | None = None
    with_tools: bool = True


AnswerQuestion = Callable[[PermissionRequest], Coroutine[Any, Any, None]]


async def run_turn(
    console: Console,
    workspace: Workspace,
    request: TurnRequest,
    show: Callable[[TurnEvent], None],
    *,
    answer_question: AnswerQuestion | None = None,
    interruption: Interruption | None = None,
    record: TurnRecord | None = None,
) -> TurnRecord:
    """Runs a turn to its end and shows every event of it.

    A signal cancels the turn and keeps what was said. Permission questions go to ``answer_question``; without one
    they are asked on the controlling terminal while the turn runs, when a person is there. A ``record`` that is given
    is written as things happen, so that it holds what was said also when this is cancelled.

    Raises:
        SidecarError: The turn could not be started.
    """
    watch = _Watch(
        console,
        workspace,
        request,
        show,
        interruption or Interruption(console),
        record or TurnRecord(),
        answer_question,
    )
    is_attended = console.has_controlling_terminal and (console.stderr_is_terminal or console.stdin_is_terminal)
    if answer_question is not None:
        return await watch.follow(Attendance.PRESENT)
    if not is_attended:
        return await watch.follow(Attendance.NOBODY)
    console.set_prompter(attached=True)
    try:
        return await watch.follow(Attendance.EXPECTED)
    finally:
        console.set_prompter(attached=False)


@dataclass(slots=True)
class _Watch:
    """A turn that is watched from its start to its end."""

    console: Console
    workspace: Workspace
    request: TurnRequest
    show: Callable[[TurnEvent], None]
    interruption: Interruption
    record: TurnRecord
    answer_question: AnswerQuestion | None = None
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def follow(self, attendance: Attendance) -> TurnRecord:
        session_id = self.request.session.id
        async with self.workspace.chat.events(session_id) as events:
            turn_id = await self.workspace.chat.start_turn(
                session_id,
                self.request.text,
                model=self.request.model,
                run_id=self.console.run_id,
                attendance=attendance,
                max_steps=self.request.max_steps,
                max_cost_usd=self.request.max_cost_usd,
                with_tools=self.request.with_tools,
            )
            self._tasks[turn_id] = asyncio.create_task(self._cancel_on_signal())
            try:
                async for happened in events:
                    if happened.turn_id == turn_id:
                        await self._take(happened.event)
                    if self.record.finished:
                        break
            finally:
                await self._stop(*self._tasks)
        return self.record

    async def _take(self, event: TurnEvent) -> None:
        self.record.add(event)
        self.show(event)
        if isinstance(event, PermissionRequested) and self.answer_question is not None:
            self._tasks[event.request.id] = asyncio.create_task(self.answer_question(event.request))
        if isinstance(event, PermissionResolved):
            await self._stop(event.permission_request_id)
        if self.console.is_congested():
            await self.console.drain()

    async def _stop(self, *names: str) -> None:
        tasks = [self._tasks.pop(name) for name in names if name in self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _cancel_on_signal(self) -> None:
        arrived = asyncio.Event()
        with self.interruption.stops(arrived.set):
            await arrived.wait()
        self.record.signal = self.interruption.signal
        await self.workspace.chat.cancel_turn(self.request.session.id)
