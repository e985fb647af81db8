"""The turn: one user message to its final answer, as a pure state machine.

A turn asks the model, runs the tools that the model calls, and asks again, until the model has said everything or
something ends it. This module knows no model, tool, clock or store: it is fed inputs and answers with the next
action, and keeps the messages that the turn has made.

    ASKING ──Answered(tool calls)──▶ CALLING ──all results──▶ ASKING ──Answered(text)──▶ FINISHED
       └──Failed, Cancelled──▶ FINISHED ◀──Cancelled──┘

The invariant, which holds after every input: the stored history plus ``take_unsaved()`` is a valid history of the
Messages API once the turn is finished: each tool call is answered exactly once, in the message right after it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum

from atmos_ai_sidecar.domain.budgets import Budget, Level, Meter
from atmos_ai_sidecar.domain.events import StopReason, TurnFinished
from atmos_ai_sidecar.domain.messages import Block, Message, Role, Text, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.requests import canonical_json
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass

LOOP_WARNING = 3
LOOP_END = 5


class Phase(Enum):
    ASKING = "asking"
    CALLING = "calling"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Input: the model streamed a piece of text."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted:
    """Input: the request is tried again; what was streamed is void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Input: the model's whole answer."""

    blocks: Sequence[Block]
    stop_reason: str
    usage: Usage
    invalid_inputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Input: the model could not be asked, or what runs tools is broken."""

    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFinished:
    """Input: one tool call came to its result."""

    tool_result: ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Input: the turn shall end now."""

    stop_reason: StopReason = StopReason.CANCELLED


Input = Said | Restarted | Answered | Failed | CallFinished | Cancelled


@dataclass(frozen=True, slots=True, kw_only=True)
class AskModel:
    """Action: send the history and feed back Said, Restarted, and Answered or Failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTools:
    """Action: run these calls at the same time and feed back one CallFinished for each."""

    calls: Sequence[ToolCall]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Action: nothing to start; an earlier action is still going on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """Action: the turn is over."""

    event: TurnFinished


Action = AskModel | RunTools | Wait | Finish


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnLimits:
    max_steps: int = 25
    """Model requests in one turn."""


class Turn:
    """One turn. Feed it inputs; do what it answers."""

    def __init__(
        self, *, limits: TurnLimits, is_parallel: Callable[[ToolCall], bool], budgets: Sequence[Budget] = ()
    ) -> None:
        self._limits = limits
        self._meter = Meter(budgets)
        self._warnings: list[Level] = []
        self._is_parallel = is_parallel
        self._phase = Phase.ASKING
        self._unsaved: list[Message] = []
        self._partial: list[str] = []
        self._usage = Usage()
        self._steps = 0
        self._calls: Sequence[ToolCall] = ()
        self._running: set[str] = set()
        self._results: dict[str, ToolResult] = {}
        self._repeats: Counter[str] = Counter()
        self._is_looping = False
        self._end: Finish | None = None

    @property
    def usage(self) -> Usage:
        """Tokens of all steps so far."""
        return self._usage

    @property
    def phase(self) -> Phase:
        return self._phase

    def start(self) -> Action:
        """The first action."""
        return AskModel()

    def take_unsaved(self) -> Sequence[Message]:
        """Messages that the turn has made since the last call, to be appended to the history at once."""
        unsaved, self._unsaved = self._unsaved, []
        return unsaved

    def charge(self, usage: Usage) -> None:
        """Counts a model request that was made for the turn and is no step of it."""
        self._usage += usage
        self._warnings.extend(self._meter.add(usage))

    def take_warnings(self) -> Sequence[Level]:
        """Budgets that came near their end since the last call."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def feed(self, given: Input) -> Action:
        """Takes an input and answers with the next action.

        Late inputs of a finished turn change nothing and are answered with its end, so that nobody who missed it
        waits for ever.
        """
        if self._end is not None:
            return self._end
        handler = _TRANSITIONS.get((self._phase, type(given)))
        return handler(self, given) if handler else Wait()

    def _said(self, given: Said) -> Action:
        self._partial.append(given.text)
        return Wait()

    def _restarted(self, _given: Restarted) -> Action:
        self._partial.clear()
        return Wait()

    def _answered(self, given: Answered) -> Action:
        self._partial.clear()
        self._steps += 1
        self._usage += given.usage
        self._warnings.extend(self._meter.add(given.usage))
        blocks = tuple(block for block in given.blocks if not (isinstance(block, Text) and not block.text.strip()))
        if blocks:
            self._unsaved.append(Message(role=Role.ASSISTANT, blocks=blocks, usage=given.usage))
        self._calls = tuple(block for block in blocks if isinstance(block, ToolCall))
        self._results = {
            call.id: _refused(call, "INVALID_FIELD", f"The input is not a JSON object: {given.invalid_inputs[call.id]}")
            for call in self._calls
            if call.id in given.invalid_inputs
        }
        end = self._end_of_answer(given.stop_reason)
        if end is not None:
            return self._finish(end, reason=_REASONS.get(end, ""), message=self._message_of(end, given.stop_reason))
        if not self._calls:
            return AskModel()
        self._phase = Phase.CALLING
        return self._next_calls()

    def _end_of_answer(self, stop_reason: str) -> StopReason | None:
        """Why the turn ends with this answer, or None when it goes on."""
        if stop_reason in _FINAL:
            return _FINAL[stop_reason]
        if self._calls or stop_reason == "pause_turn":
            if self._steps >= self._limits.max_steps:
                return StopReason.MAX_STEPS
            return StopReason.BUDGET if self._meter.overrun() else None
        return StopReason.END_TURN

    def _message_of(self, end: StopReason, stop_reason: str) -> str:
        """What there is to say beside the usual."""
        overrun = self._meter.overrun()
        if end is StopReason.BUDGET and overrun is not None:
            return f"The turn was stopped: it used {overrun}. Raise the limit ({overrun.key}) to go on."
        return _WINDOW_FULL if stop_reason == _OUT_OF_WINDOW else ""

    def _failed(self, given: Failed) -> Action:
        return self._finish(StopReason.ERROR, reason=given.reason, message=given.message, metadata=dict(given.metadata))

    def _call_finished(self, given: CallFinished) -> Action:
        answered = given.tool_result
        if answered.tool_call_id not in self._running:
            return Wait()
        self._running.discard(answered.tool_call_id)
        self._results[answered.tool_call_id] = self._watch_for_loop(answered)
        return Wait() if self._running else self._next_calls()

    def _cancelled(self, given: Cancelled) -> Action:
        return self._finish(given.stop_reason)

    def _next_calls(self) -> Action:
        waiting = tuple(call for call in self._calls if call.id not in self._results)
        if waiting:
            batch = self._batch(waiting)
            self._running = {call.id for call in batch}
            return RunTools(calls=batch)
        if self._is_looping:
            return self._finish(StopReason.LOOP)
        self._save_results()
        self._phase = Phase.ASKING
        return AskModel()

    def _batch(self, waiting: Sequence[ToolCall]) -> Sequence[ToolCall]:
        """The next calls to run together: neighbours that only read, or a single one that does more."""
        count = 0
        while count < len(waiting) and self._is_parallel(waiting[count]):
            count += 1
        return waiting[: max(count, 1)]

    def _watch_for_loop(self, answered: ToolResult) -> ToolResult:
        call = next(call for call in self._calls if call.id == answered.tool_call_id)
        result = answered.result
        seen = canonical_json({"name": call.name, "input": call.input, "output": result.output, "error": result.error})
        self._repeats[seen] += 1
        if self._repeats[seen] >= LOOP_END:
            self._is_looping = True
        if self._repeats[seen] < LOOP_WARNING:
            return answered
        note = f"This is call number {self._repeats[seen]} with the same input and the same result. Change course."
        return replace(answered, result=replace(result, output=f"{result.output}\n\n{note}".strip()))

    def _save_results(self) -> None:
        if self._calls:
            results = tuple(self._results[call.id] for call in self._calls)
            self._unsaved.append(Message(role=Role.USER, blocks=results))
        self._calls, self._results = (), {}

    def _finish(
        self, stop_reason: StopReason, *, reason: str = "", message: str = "", metadata: Mapping[str, str] | None = None
    ) -> Action:
        said = "".join(self._partial)
        if said.strip():
            self._unsaved.append(Message(role=Role.ASSISTANT, blocks=(Text(text=said),)))
        for call in self._calls:
            if call.id not in self._results:
                text = _STOPPED if call.id in self._running else _NOT_RUN
                self._results[call.id] = _refused(call, stop_reason.value.upper(), text.format(_WHY[stop_reason]))
        self._save_results()
        self._phase, self._partial, self._running = Phase.FINISHED, [], set()
        self._end = Finish(
            event=TurnFinished(
                stop_reason=stop_reason,
                reason=reason,
                message=message or _MESSAGES.get(stop_reason, "").format(max_steps=self._limits.max_steps),
                metadata=metadata or {},
                usage=self._usage,
                steps=self._steps,
            )
        )
        return self._end


def _refused(call: ToolCall, reason: str, error: str) -> ToolResult:
    return ToolResult(tool_call_id=call.id, result=Result(success=False, error=error, reason=reason))


_STOPPED = "The call was stopped because {}. What it had done by then is unknown."
_NOT_RUN = "The call was not run because {}."
_WHY = {
    StopReason.CANCELLED: "the user cancelled the turn",
    StopReason.INTERRUPTED: "the assistant's process ended",
    StopReason.MAX_TOKENS: "the answer reached its length limit in the middle of it",
    StopReason.MAX_STEPS: "the turn had used all its steps",
    StopReason.LOOP: "the same call kept giving the same result",
    StopReason.REFUSAL: "the model refused to go on",
    StopReason.ERROR: "the turn failed",
    StopReason.END_TURN: "the model ended the turn",
    StopReason.BUDGET: "the budget was used up",
}
_OUT_OF_WINDOW = "model_context_window_exceeded"
_REASONS = {StopReason.BUDGET: "BUDGET_EXHAUSTED"}
_FINAL = {
    "max_tokens": StopReason.MAX_TOKENS,
    _OUT_OF_WINDOW: StopReason.MAX_TOKENS,
    "refusal": StopReason.REFUSAL,
}
_WINDOW_FULL = (
    "The conversation filled the model's window in the middle of the answer. Compact it or start a new session."
)
_MESSAGES = {
    StopReason.MAX_TOKENS: "The answer reached its length limit. Ask it to go on, or raise max_tokens.",
    StopReason.MAX_STEPS: "The turn used all its {max_steps} steps. Ask it to go on, or raise ai.budget.max_steps.",
    StopReason.LOOP: f"The same call gave the same result {LOOP_END} times, so the turn was ended.",
    StopReason.REFUSAL: "The model refused to answer. Rephrase the request.",
}
_TRANSITIONS: Mapping[tuple[Phase, type], Callable[..., Action]] = {
    (Phase.ASKING, Said): Turn._said,  # noqa: SLF001
    (Phase.ASKING, Restarted): Turn._restarted,  # noqa: SLF001
    (Phase.ASKING, Answered): Turn._answered,  # noqa: SLF001
    (Phase.ASKING, Failed): Turn._failed,  # noqa: SLF001
    (Phase.ASKING, Cancelled): Turn._cancelled,  # noqa: SLF001
    (Phase.CALLING, CallFinished): Turn._call_finished,  # noqa: SLF001
    (Phase.CALLING, Failed): Turn._failed,  # noqa: SLF001
    (Phase.CALLING, Cancelled): Turn._cancelled,  # noqa: SLF001
}
