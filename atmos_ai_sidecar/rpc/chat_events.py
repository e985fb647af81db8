"""Events of a session as messages of the Chat stream, none larger than an event may be."""

from typing import Any, Final

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
    TurnStarted,
    UsageReported,
)
from atmos_ai_sidecar.rpc.convert import (
    proto_answer,
    proto_output,
    proto_request,
    proto_tool_call,
    proto_tool_result,
    proto_usage,
)
from atmos_ai_sidecar.rpc.limits import within_event_limit
from atmos_ai_sidecar.rpc.values import proto_text, proto_time
from atmos_ai_sidecar.v1 import chat_service_pb2 as pb

_STOP_REASONS: Final = {
    StopReason.END_TURN: pb.STOP_REASON_END_TURN,
    StopReason.MAX_TOKENS: pb.STOP_REASON_MAX_TOKENS,
    StopReason.MAX_STEPS: pb.STOP_REASON_MAX_STEPS,
    StopReason.REFUSAL: pb.STOP_REASON_REFUSAL,
    StopReason.LOOP: pb.STOP_REASON_LOOP,
    StopReason.CANCELLED: pb.STOP_REASON_CANCELLED,
    StopReason.ERROR: pb.STOP_REASON_ERROR,
    StopReason.INTERRUPTED: pb.STOP_REASON_INTERRUPTED,
    StopReason.BUDGET: pb.STOP_REASON_BUDGET,
}

_NOTICE_KINDS: Final = {
    NoticeKind.HISTORY_REPAIRED: pb.NOTICE_KIND_HISTORY_REPAIRED,
    NoticeKind.BUDGET_WARNING: pb.NOTICE_KIND_BUDGET_WARNING,
    NoticeKind.COMPACTED: pb.NOTICE_KIND_COMPACTED,
    NoticeKind.COMPACTION_FAILED: pb.NOTICE_KIND_COMPACTION_FAILED,
    NoticeKind.CALL_LEFT: pb.NOTICE_KIND_CALL_LEFT,
    NoticeKind.TOOLS_LEFT_OUT: pb.NOTICE_KIND_TOOLS_LEFT_OUT,
}


def proto_event(event: SessionEvent) -> Any:
    """The event as a ChatResponse; what is too large for one is cut, and marked as cut."""
    response = _payload(event.event)
    response.seq = event.seq
    response.turn_id = event.turn_id
    response.event_time.CopyFrom(proto_time(event.time))
    return within_event_limit(response)


def _payload(event: TurnEvent) -> Any:
    R = pb.ChatResponse  # noqa: N806 - a class, and the shortest way to its parts
    match event:
        case TurnStarted():
            started = R.TurnStarted(user_message=proto_text(event.user_message), model=proto_text(event.model))
            return R(turn_started=started)
        case TextDelta():
            return R(text_delta=R.TextDelta(text=proto_text(event.text)))
        case ThinkingDelta():
            return R(thinking_delta=R.ThinkingDelta(thinking=proto_text(event.thinking)))
        case ModelRetrying():
            return R(model_retrying=_retrying(event))
        case ToolCallStarted():
            call = proto_tool_call(event.tool_call)
            return R(tool_call_started=R.ToolCallStarted(tool_call=call, title=proto_text(event.title)))
        case ToolCallOutput():
            output = proto_output(event.piece)
            return R(tool_call_output=R.ToolCallOutput(tool_call_id=proto_text(event.tool_call_id), output=output))
        case ToolCallFinished():
            return R(tool_call_finished=R.ToolCallFinished(tool_result=proto_tool_result(event.tool_result)))
        case PermissionRequested():
            request = proto_request(event.request)
            return R(permission_requested=R.PermissionRequested(permission_request=request))
        case PermissionResolved():
            return R(permission_resolved=_resolved(event))
        case UsageReported():
            return R(usage=R.UsageReported(usage=proto_usage(event.usage)))
        case Notice():
            return R(notice=_notice(event))
        case TurnFinished():
            return R(turn_finished=_finished(event))


def _retrying(event: ModelRetrying) -> Any:
    return pb.ChatResponse.ModelRetrying(
        attempt=event.attempt, delay_seconds=event.delay_seconds, message=proto_text(event.message)
    )


def _resolved(event: PermissionResolved) -> Any:
    return pb.ChatResponse.PermissionResolved(
        permission_request_id=event.permission_request_id,
        outcome=proto_answer(event.outcome),
        resolved_by=proto_text(event.resolved_by),
    )


def _notice(event: Notice) -> Any:
    return pb.ChatResponse.Notice(
        kind=_NOTICE_KINDS[event.kind],
        message=proto_text(event.message),
        metadata={proto_text(key): proto_text(value) for key, value in event.metadata.items()},
    )


def _finished(event: TurnFinished) -> Any:
    return pb.ChatResponse.TurnFinished(
        stop_reason=_STOP_REASONS[event.stop_reason],
        reason=event.reason,
        message=proto_text(event.message),
        metadata={proto_text(key): proto_text(value) for key, value in event.metadata.items()},
        usage=proto_usage(event.usage),
        steps=event.steps,
    )
