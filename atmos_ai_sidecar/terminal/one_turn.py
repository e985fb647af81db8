"""One turn for a command that is not the chat: run it, watch it, remember what matters."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.console import Console
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    PermissionRequested,
    StopReason,
    TextDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnEvent,
    TurnFinished,
    TurnStarted,
)
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.terminal import exit_codes


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
    model: str = ""
    calls: dict[str, CallRecord] = field(default_factory=dict)
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
            case TurnFinished():
                self._end_step()
                self.finished = event

    def _end_step(self) -> None:
        if self._step.strip():
            self.text += ("\n\n" if self.text else "") + self._step.strip("\n")
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
    with_tools: bool = True


async def run_turn(
    console: Console, workspace: Workspace, request: TurnRequest, show: Callable[[TurnEvent], None]
) -> TurnRecord:
    """Runs a turn to its end and shows every event of it.

    A signal cancels the turn and keeps what was said. While the turn runs and a person is there, permission
    questions are asked on the controlling terminal.

    Raises:
        SidecarError: The turn could not be started.
    """
    is_attended = console.has_controlling_terminal and (console.stderr_is_terminal or console.stdin_is_terminal)
    if is_attended:
        console.set_prompter(attached=True)
    try:
        return await _follow(
            console, workspace, request, show, Attendance.EXPECTED if is_attended else Attendance.NOBODY
        )
    finally:
        if is_attended:
            console.set_prompter(attached=False)


async def _follow(
    console: Console,
    workspace: Workspace,
    request: TurnRequest,
    show: Callable[[TurnEvent], None],
    attendance: Attendance,
) -> TurnRecord:
    record = TurnRecord()
    async with workspace.chat.events(request.session.id) as events:
        turn_id = await workspace.chat.start_turn(
            request.session.id,
            request.text,
            model=request.model,
            run_id=console.run_id,
            attendance=attendance,
            max_steps=request.max_steps,
            with_tools=request.with_tools,
        )
        canceller = asyncio.create_task(_cancel_on_signal(console, workspace, request.session, record))
        try:
            async for happened in events:
                if happened.turn_id != turn_id:
                    continue
                record.add(happened.event)
                show(happened.event)
                if record.finished:
                    break
                if console.is_congested():
                    await console.drain()
        finally:
            canceller.cancel()
            await asyncio.gather(canceller, return_exceptions=True)
    return record


async def _cancel_on_signal(console: Console, workspace: Workspace, session: Session, record: TurnRecord) -> None:
    arrived = asyncio.Event()

    def note(name: str) -> None:
        if name != "CONT":
            record.signal = name
            arrived.set()

    console.on_signal(note)
    await arrived.wait()
    await workspace.chat.cancel_turn(session.id)
