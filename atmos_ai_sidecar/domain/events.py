"""What happens in a turn, in the words that journal, chat and clients share."""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from atmos_ai_sidecar.domain.messages import ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import OutputPiece
from atmos_ai_sidecar.lazy_dataclasses import dataclass


class StopReason(StrEnum):
    """Why a turn ended."""

    END_TURN = "end_turn"
    MAX_TOKENS = "max_tokens"
    MAX_STEPS = "max_steps"
    REFUSAL = "refusal"
    LOOP = "loop"
    CANCELLED = "cancelled"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    BUDGET = "budget"


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnStarted:
    user_message: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThinkingDelta:
    thinking: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRetrying:
    """A model request failed and is tried again; text of the step that was shown before is void."""

    attempt: int
    delay_seconds: float
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallStarted:
    tool_call: ToolCall
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallOutput:
    tool_call_id: str
    piece: OutputPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCallFinished:
    """The authoritative end of a call."""

    tool_result: ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionRequested:
    request: PermissionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PermissionResolved:
    permission_request_id: str
    outcome: Answer
    resolved_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReported:
    usage: Usage
    """Cumulative over the turn."""


class NoticeKind(StrEnum):
    """What a notice is about."""

    HISTORY_REPAIRED = "history_repaired"
    BUDGET_WARNING = "budget_warning"
    COMPACTED = "compacted"
    COMPACTION_FAILED = "compaction_failed"
    CALL_LEFT = "call_left"
    TOOLS_LEFT_OUT = "tools_left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that the user should know and that does not end the turn."""

    kind: NoticeKind
    message: str
    """One or two sentences for people."""
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnFinished:
    """The only end of a turn."""

    stop_reason: StopReason
    reason: str = ""
    """A reason of the error tree when ``stop_reason`` is error or budget."""
    message: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    steps: int = 0


TurnEvent = (
    TurnStarted
    | TextDelta
    | ThinkingDelta
    | ModelRetrying
    | ToolCallStarted
    | ToolCallOutput
    | ToolCallFinished
    | PermissionRequested
    | PermissionResolved
    | UsageReported
    | Notice
    | TurnFinished
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """A turn's event with its place in the session's journal."""

    seq: int
    """Strictly increasing within the session, from 1."""
    turn_id: str
    time: datetime
    event: TurnEvent
