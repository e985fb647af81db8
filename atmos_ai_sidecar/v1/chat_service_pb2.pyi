import datetime

from atmos_ai_sidecar.v1 import message_pb2 as _message_pb2
from atmos_ai_sidecar.v1 import permission_service_pb2 as _permission_service_pb2
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as _tool_registry_service_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StopReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STOP_REASON_UNSPECIFIED: _ClassVar[StopReason]
    STOP_REASON_END_TURN: _ClassVar[StopReason]
    STOP_REASON_MAX_TOKENS: _ClassVar[StopReason]
    STOP_REASON_MAX_STEPS: _ClassVar[StopReason]
    STOP_REASON_REFUSAL: _ClassVar[StopReason]
    STOP_REASON_LOOP: _ClassVar[StopReason]
    STOP_REASON_CANCELLED: _ClassVar[StopReason]
    STOP_REASON_ERROR: _ClassVar[StopReason]
    STOP_REASON_INTERRUPTED: _ClassVar[StopReason]
    STOP_REASON_BUDGET: _ClassVar[StopReason]

class NoticeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTICE_KIND_UNSPECIFIED: _ClassVar[NoticeKind]
    NOTICE_KIND_HISTORY_REPAIRED: _ClassVar[NoticeKind]
    NOTICE_KIND_BUDGET_WARNING: _ClassVar[NoticeKind]
    NOTICE_KIND_COMPACTED: _ClassVar[NoticeKind]
    NOTICE_KIND_COMPACTION_FAILED: _ClassVar[NoticeKind]
    NOTICE_KIND_CALL_LEFT: _ClassVar[NoticeKind]
    NOTICE_KIND_TOOLS_LEFT_OUT: _ClassVar[NoticeKind]
STOP_REASON_UNSPECIFIED: StopReason
STOP_REASON_END_TURN: StopReason
STOP_REASON_MAX_TOKENS: StopReason
STOP_REASON_MAX_STEPS: StopReason
STOP_REASON_REFUSAL: StopReason
STOP_REASON_LOOP: StopReason
STOP_REASON_CANCELLED: StopReason
STOP_REASON_ERROR: StopReason
STOP_REASON_INTERRUPTED: StopReason
STOP_REASON_BUDGET: StopReason
NOTICE_KIND_UNSPECIFIED: NoticeKind
NOTICE_KIND_HISTORY_REPAIRED: NoticeKind
NOTICE_KIND_BUDGET_WARNING: NoticeKind
NOTICE_KIND_COMPACTED: NoticeKind
NOTICE_KIND_COMPACTION_FAILED: NoticeKind
NOTICE_KIND_CALL_LEFT: NoticeKind
NOTICE_KIND_TOOLS_LEFT_OUT: NoticeKind

class ChatRequest(_message.Message):
    __slots__ = ("event_id", "attach", "user_message", "cancel_turn", "detach")
    class Attach(_message.Message):
        __slots__ = ("session_id", "session_name", "resume_after_seq", "interactive")
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        SESSION_NAME_FIELD_NUMBER: _ClassVar[int]
        RESUME_AFTER_SEQ_FIELD_NUMBER: _ClassVar[int]
        INTERACTIVE_FIELD_NUMBER: _ClassVar[int]
        session_id: str
        session_name: str
        resume_after_seq: int
        interactive: bool
        def __init__(self, session_id: _Optional[str] = ..., session_name: _Optional[str] = ..., resume_after_seq: _Optional[int] = ..., interactive: _Optional[bool] = ...) -> None: ...
    class UserMessage(_message.Message):
        __slots__ = ("text", "model")
        TEXT_FIELD_NUMBER: _ClassVar[int]
        MODEL_FIELD_NUMBER: _ClassVar[int]
        text: str
        model: str
        def __init__(self, text: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...
    class CancelTurn(_message.Message):
        __slots__ = ()
        def __init__(self) -> None: ...
    class Detach(_message.Message):
        __slots__ = ("keep_running",)
        KEEP_RUNNING_FIELD_NUMBER: _ClassVar[int]
        keep_running: bool
        def __init__(self, keep_running: _Optional[bool] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ATTACH_FIELD_NUMBER: _ClassVar[int]
    USER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CANCEL_TURN_FIELD_NUMBER: _ClassVar[int]
    DETACH_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    attach: ChatRequest.Attach
    user_message: ChatRequest.UserMessage
    cancel_turn: ChatRequest.CancelTurn
    detach: ChatRequest.Detach
    def __init__(self, event_id: _Optional[str] = ..., attach: _Optional[_Union[ChatRequest.Attach, _Mapping]] = ..., user_message: _Optional[_Union[ChatRequest.UserMessage, _Mapping]] = ..., cancel_turn: _Optional[_Union[ChatRequest.CancelTurn, _Mapping]] = ..., detach: _Optional[_Union[ChatRequest.Detach, _Mapping]] = ...) -> None: ...

class ChatResponse(_message.Message):
    __slots__ = ("seq", "turn_id", "event_time", "attached", "turn_started", "text_delta", "thinking_delta", "tool_call_started", "tool_call_output", "tool_call_finished", "permission_requested", "permission_resolved", "usage", "turn_finished", "replay_gap", "going_away", "model_retrying", "notice")
    class Attached(_message.Message):
        __slots__ = ("session_id", "session_name", "last_seq", "turn_in_progress", "created")
        SESSION_ID_FIELD_NUMBER: _ClassVar[int]
        SESSION_NAME_FIELD_NUMBER: _ClassVar[int]
        LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
        TURN_IN_PROGRESS_FIELD_NUMBER: _ClassVar[int]
        CREATED_FIELD_NUMBER: _ClassVar[int]
        session_id: str
        session_name: str
        last_seq: int
        turn_in_progress: bool
        created: bool
        def __init__(self, session_id: _Optional[str] = ..., session_name: _Optional[str] = ..., last_seq: _Optional[int] = ..., turn_in_progress: _Optional[bool] = ..., created: _Optional[bool] = ...) -> None: ...
    class TurnStarted(_message.Message):
        __slots__ = ("user_message", "model")
        USER_MESSAGE_FIELD_NUMBER: _ClassVar[int]
        MODEL_FIELD_NUMBER: _ClassVar[int]
        user_message: str
        model: str
        def __init__(self, user_message: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...
    class TextDelta(_message.Message):
        __slots__ = ("text",)
        TEXT_FIELD_NUMBER: _ClassVar[int]
        text: str
        def __init__(self, text: _Optional[str] = ...) -> None: ...
    class ThinkingDelta(_message.Message):
        __slots__ = ("thinking",)
        THINKING_FIELD_NUMBER: _ClassVar[int]
        thinking: str
        def __init__(self, thinking: _Optional[str] = ...) -> None: ...
    class ModelRetrying(_message.Message):
        __slots__ = ("attempt", "delay_seconds", "message")
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        DELAY_SECONDS_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        attempt: int
        delay_seconds: float
        message: str
        def __init__(self, attempt: _Optional[int] = ..., delay_seconds: _Optional[float] = ..., message: _Optional[str] = ...) -> None: ...
    class ToolCallStarted(_message.Message):
        __slots__ = ("tool_call", "title")
        TOOL_CALL_FIELD_NUMBER: _ClassVar[int]
        TITLE_FIELD_NUMBER: _ClassVar[int]
        tool_call: _message_pb2.ToolCall
        title: str
        def __init__(self, tool_call: _Optional[_Union[_message_pb2.ToolCall, _Mapping]] = ..., title: _Optional[str] = ...) -> None: ...
    class ToolCallOutput(_message.Message):
        __slots__ = ("tool_call_id", "output")
        TOOL_CALL_ID_FIELD_NUMBER: _ClassVar[int]
        OUTPUT_FIELD_NUMBER: _ClassVar[int]
        tool_call_id: str
        output: _tool_registry_service_pb2.ToolOutput
        def __init__(self, tool_call_id: _Optional[str] = ..., output: _Optional[_Union[_tool_registry_service_pb2.ToolOutput, _Mapping]] = ...) -> None: ...
    class ToolCallFinished(_message.Message):
        __slots__ = ("tool_result",)
        TOOL_RESULT_FIELD_NUMBER: _ClassVar[int]
        tool_result: _message_pb2.ToolResult
        def __init__(self, tool_result: _Optional[_Union[_message_pb2.ToolResult, _Mapping]] = ...) -> None: ...
    class PermissionRequested(_message.Message):
        __slots__ = ("permission_request",)
        PERMISSION_REQUEST_FIELD_NUMBER: _ClassVar[int]
        permission_request: _permission_service_pb2.PermissionRequest
        def __init__(self, permission_request: _Optional[_Union[_permission_service_pb2.PermissionRequest, _Mapping]] = ...) -> None: ...
    class PermissionResolved(_message.Message):
        __slots__ = ("permission_request_id", "outcome", "resolved_by")
        PERMISSION_REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
        OUTCOME_FIELD_NUMBER: _ClassVar[int]
        RESOLVED_BY_FIELD_NUMBER: _ClassVar[int]
        permission_request_id: str
        outcome: _permission_service_pb2.Answer
        resolved_by: str
        def __init__(self, permission_request_id: _Optional[str] = ..., outcome: _Optional[_Union[_permission_service_pb2.Answer, str]] = ..., resolved_by: _Optional[str] = ...) -> None: ...
    class UsageReported(_message.Message):
        __slots__ = ("usage",)
        USAGE_FIELD_NUMBER: _ClassVar[int]
        usage: _message_pb2.Usage
        def __init__(self, usage: _Optional[_Union[_message_pb2.Usage, _Mapping]] = ...) -> None: ...
    class Notice(_message.Message):
        __slots__ = ("kind", "message", "metadata")
        class MetadataEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        KIND_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        METADATA_FIELD_NUMBER: _ClassVar[int]
        kind: NoticeKind
        message: str
        metadata: _containers.ScalarMap[str, str]
        def __init__(self, kind: _Optional[_Union[NoticeKind, str]] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ...) -> None: ...
    class TurnFinished(_message.Message):
        __slots__ = ("stop_reason", "reason", "message", "metadata", "usage", "steps")
        class MetadataEntry(_message.Message):
            __slots__ = ("key", "value")
            KEY_FIELD_NUMBER: _ClassVar[int]
            VALUE_FIELD_NUMBER: _ClassVar[int]
            key: str
            value: str
            def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
        STOP_REASON_FIELD_NUMBER: _ClassVar[int]
        REASON_FIELD_NUMBER: _ClassVar[int]
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        METADATA_FIELD_NUMBER: _ClassVar[int]
        USAGE_FIELD_NUMBER: _ClassVar[int]
        STEPS_FIELD_NUMBER: _ClassVar[int]
        stop_reason: StopReason
        reason: str
        message: str
        metadata: _containers.ScalarMap[str, str]
        usage: _message_pb2.Usage
        steps: int
        def __init__(self, stop_reason: _Optional[_Union[StopReason, str]] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., metadata: _Optional[_Mapping[str, str]] = ..., usage: _Optional[_Union[_message_pb2.Usage, _Mapping]] = ..., steps: _Optional[int] = ...) -> None: ...
    class ReplayGap(_message.Message):
        __slots__ = ("first_seq",)
        FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
        first_seq: int
        def __init__(self, first_seq: _Optional[int] = ...) -> None: ...
    class GoingAway(_message.Message):
        __slots__ = ("message",)
        MESSAGE_FIELD_NUMBER: _ClassVar[int]
        message: str
        def __init__(self, message: _Optional[str] = ...) -> None: ...
    SEQ_FIELD_NUMBER: _ClassVar[int]
    TURN_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTACHED_FIELD_NUMBER: _ClassVar[int]
    TURN_STARTED_FIELD_NUMBER: _ClassVar[int]
    TEXT_DELTA_FIELD_NUMBER: _ClassVar[int]
    THINKING_DELTA_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_STARTED_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TOOL_CALL_FINISHED_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    PERMISSION_RESOLVED_FIELD_NUMBER: _ClassVar[int]
    USAGE_FIELD_NUMBER: _ClassVar[int]
    TURN_FINISHED_FIELD_NUMBER: _ClassVar[int]
    REPLAY_GAP_FIELD_NUMBER: _ClassVar[int]
    GOING_AWAY_FIELD_NUMBER: _ClassVar[int]
    MODEL_RETRYING_FIELD_NUMBER: _ClassVar[int]
    NOTICE_FIELD_NUMBER: _ClassVar[int]
    seq: int
    turn_id: str
    event_time: _timestamp_pb2.Timestamp
    attached: ChatResponse.Attached
    turn_started: ChatResponse.TurnStarted
    text_delta: ChatResponse.TextDelta
    thinking_delta: ChatResponse.ThinkingDelta
    tool_call_started: ChatResponse.ToolCallStarted
    tool_call_output: ChatResponse.ToolCallOutput
    tool_call_finished: ChatResponse.ToolCallFinished
    permission_requested: ChatResponse.PermissionRequested
    permission_resolved: ChatResponse.PermissionResolved
    usage: ChatResponse.UsageReported
    turn_finished: ChatResponse.TurnFinished
    replay_gap: ChatResponse.ReplayGap
    going_away: ChatResponse.GoingAway
    model_retrying: ChatResponse.ModelRetrying
    notice: ChatResponse.Notice
    def __init__(self, seq: _Optional[int] = ..., turn_id: _Optional[str] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attached: _Optional[_Union[ChatResponse.Attached, _Mapping]] = ..., turn_started: _Optional[_Union[ChatResponse.TurnStarted, _Mapping]] = ..., text_delta: _Optional[_Union[ChatResponse.TextDelta, _Mapping]] = ..., thinking_delta: _Optional[_Union[ChatResponse.ThinkingDelta, _Mapping]] = ..., tool_call_started: _Optional[_Union[ChatResponse.ToolCallStarted, _Mapping]] = ..., tool_call_output: _Optional[_Union[ChatResponse.ToolCallOutput, _Mapping]] = ..., tool_call_finished: _Optional[_Union[ChatResponse.ToolCallFinished, _Mapping]] = ..., permission_requested: _Optional[_Union[ChatResponse.PermissionRequested, _Mapping]] = ..., permission_resolved: _Optional[_Union[ChatResponse.PermissionResolved, _Mapping]] = ..., usage: _Optional[_Union[ChatResponse.UsageReported, _Mapping]] = ..., turn_finished: _Optional[_Union[ChatResponse.TurnFinished, _Mapping]] = ..., replay_gap: _Optional[_Union[ChatResponse.ReplayGap, _Mapping]] = ..., going_away: _Optional[_Union[ChatResponse.GoingAway, _Mapping]] = ..., model_retrying: _Optional[_Union[ChatResponse.ModelRetrying, _Mapping]] = ..., notice: _Optional[_Union[ChatResponse.Notice, _Mapping]] = ...) -> None: ...

class CancelTurnRequest(_message.Message):
    __slots__ = ("session_id",)
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    def __init__(self, session_id: _Optional[str] = ...) -> None: ...

class CancelTurnResponse(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: bool
    def __init__(self, cancelled: _Optional[bool] = ...) -> None: ...
