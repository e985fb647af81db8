"""The domain's words as messages of the contract, and what comes in as the domain's words. Every function is total."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from atmos_ai_sidecar.application.ports.message_search import SearchHit
from atmos_ai_sidecar.application.ports.session_store import SessionChange
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, Rule
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest, canonical_json
from atmos_ai_sidecar.domain.sessions import ContextItem, Session
from atmos_ai_sidecar.domain.tools import Effect, OutputPiece, Result, Tool
from atmos_ai_sidecar.errors import InvalidFieldError, ToolExecutionFailedError
from atmos_ai_sidecar.rpc.values import json_from_value, proto_text, proto_time, struct_from_json, value_from_json
from atmos_ai_sidecar.v1 import message_pb2, permission_service_pb2, session_service_pb2, tool_registry_service_pb2

MAX_INT32: Final = 2**31 - 1
MAX_CONTENT_CHARACTERS: Final = 1024 * 1024
"""Of a message's plain text beside its blocks."""
_DATA_BYTES: Final = 1024 * 1024
_ERROR_CHARACTERS: Final = 2_000

_ROLES: Final = {Role.USER: message_pb2.ROLE_USER, Role.ASSISTANT: message_pb2.ROLE_ASSISTANT}
_EFFECTS: Final = {
    Effect.READ: permission_service_pb2.EFFECT_READ,
    Effect.WRITE: permission_service_pb2.EFFECT_WRITE,
    Effect.EXECUTE: permission_service_pb2.EFFECT_EXECUTE,
    Effect.NETWORK: permission_service_pb2.EFFECT_NETWORK,
}
_ANSWERS: Final[Mapping[Answer | None, Any]] = {
    None: permission_service_pb2.ANSWER_UNSPECIFIED,
    Answer.ALLOW_ONCE: permission_service_pb2.ANSWER_ALLOW_ONCE,
    Answer.ALLOW_ALWAYS: permission_service_pb2.ANSWER_ALLOW_ALWAYS,
    Answer.REJECT_ONCE: permission_service_pb2.ANSWER_REJECT_ONCE,
    Answer.REJECT_ALWAYS: permission_service_pb2.ANSWER_REJECT_ALWAYS,
    Answer.CANCELLED: permission_service_pb2.ANSWER_CANCELLED,
    Answer.UNATTENDED: permission_service_pb2.ANSWER_UNATTENDED,
    Answer.EXPIRED: permission_service_pb2.ANSWER_EXPIRED,
}
_DECISIONS: Final = {
    DecisionKind.ALLOW: permission_service_pb2.DECISION_KIND_ALLOW,
    DecisionKind.ASK: permission_service_pb2.DECISION_KIND_ASK,
    DecisionKind.DENY: permission_service_pb2.DECISION_KIND_DENY,
}
_STREAMS: Final = {
    "stdout": tool_registry_service_pb2.OUTPUT_STREAM_STDOUT,
    "stderr": tool_registry_service_pb2.OUTPUT_STREAM_STDERR,
}


def role_from_proto(role: int) -> Role:
    """The role of a message.

    Raises:
        InvalidFieldError: It is none.
    """
    for known, number in _ROLES.items():
        if number == role:
            return known
    raise InvalidFieldError("role", "must be ROLE_USER or ROLE_ASSISTANT")


def effect_from_proto(field: str, effect: int) -> Effect:
    """The effect of a tool.

    Raises:
        InvalidFieldError: It is none.
    """
    for known, number in _EFFECTS.items():
        if number == effect:
            return known
    raise InvalidFieldError(field, "must be one of EFFECT_READ, EFFECT_WRITE, EFFECT_EXECUTE and EFFECT_NETWORK")


def output_from_proto(output: Any) -> OutputPiece:
    """A piece of output; what names no stream is standard output."""
    is_error = output.stream == tool_registry_service_pb2.OUTPUT_STREAM_STDERR
    return OutputPiece(stream="stderr" if is_error else "stdout", text=output.text)


def result_from_proto(result: Any) -> Result:
    """What a client's tool came to. An error is a sentence: a longer one is cut, and whole in an empty output.

    Raises:
        InvalidFieldError: Its data holds a number that JSON does not have, or is too large.
    """
    error = "" if result.success else result.error or "The tool failed."
    if result.data.ByteSize() > _DATA_BYTES:
        raise InvalidFieldError("result.tool_result.data", f"has more than {_DATA_BYTES:,} bytes")
    return Result(
        success=result.success,
        output=result.output or error,
        data=json_from_value(result.data, "result.tool_result.data") if result.HasField("data") else None,
        error=error if len(error) <= _ERROR_CHARACTERS else f"{error[:_ERROR_CHARACTERS]}…",
        reason="" if result.success else ToolExecutionFailedError.reason,
        exit_code=result.exit_code if result.HasField("exit_code") else None,
    )


def checked_uuid(field: str, value: str) -> str:
    """A UUID in its usual form; empty stays empty.

    Raises:
        InvalidFieldError: It is something else.
    """
    try:
        return str(uuid.UUID(value)) if value else ""
    except ValueError as error:
        raise InvalidFieldError(field, "must be a UUID or empty") from error


def session_change(session: Any, paths: list[str]) -> SessionChange:
    """The change that a mask picks from a Session.

    Raises:
        InvalidFieldError: The mask is empty, or names something that cannot be changed.
    """
    values = {
        "name": session.name,
        "model": session.model,
        "provider": session.provider,
        "metadata": dict(session.metadata),
        "archived": session.archived,
    }
    unknown = [path for path in paths if path not in values]
    if unknown or not paths:
        problem = f"names {unknown[0]!r}" if unknown else "is empty"
        raise InvalidFieldError("update_mask", f"{problem}; it may name {', '.join(values)}")
    return SessionChange(**{path: values[path] for path in paths})


def proto_session(session: Session) -> Any:
    return session_service_pb2.Session(
        session_id=proto_text(session.id),
        name=proto_text(session.name),
        project_path=proto_text(session.project_path),
        model=proto_text(session.model),
        provider=proto_text(session.provider),
        create_time=proto_time(session.create_time),
        update_time=proto_time(session.update_time),
        metadata={proto_text(key): proto_text(value) for key, value in session.metadata.items()},
        etag=session.etag,
        message_count=session.message_count,
        archived=session.archived,
        author=proto_text(session.author),
    )


def proto_context_item(item: ContextItem) -> Any:
    return session_service_pb2.ContextItem(
        context_type=proto_text(item.context_type),
        context_key=proto_text(item.context_key),
        context_value=proto_text(item.context_value),
    )


def proto_message(message: Message) -> Any:
    content = proto_text(message.text)
    return message_pb2.Message(
        message_id=message.id,
        session_id=message.session_id,
        role=_ROLES[message.role],
        # Twice a text of 10 MiB, the longest that there is, would be more than a message may have.
        content=content if len(content) <= MAX_CONTENT_CHARACTERS else "",
        blocks=[proto_block(block) for block in message.blocks],
        create_time=proto_time(message.create_time),
        turn_id=message.turn_id,
        usage=proto_usage(message.usage) if message.usage is not None else None,
        author=proto_text(message.author),
    )


def proto_search_hit(hit: SearchHit) -> Any:
    return session_service_pb2.SearchHit(
        session_id=hit.session_id,
        session_name=proto_text(hit.session_name),
        message_id=hit.message_id,
        role=_ROLES[hit.role],
        create_time=proto_time(hit.create_time),
        snippet=proto_text(hit.snippet),
    )


def proto_block(block: Block) -> Any:
    match block:
        case Text():
            return message_pb2.ContentBlock(text=message_pb2.TextBlock(text=proto_text(block.text)))
        case Thinking():
            thought = message_pb2.ThinkingBlock(thinking=proto_text(block.thinking), signature=block.signature)
            return message_pb2.ContentBlock(thinking=thought)
        case RedactedThinking():
            return message_pb2.ContentBlock(thinking=message_pb2.ThinkingBlock(redacted_thinking=block.data))
        case ToolCall():
            return message_pb2.ContentBlock(tool_call=proto_tool_call(block))
        case ToolResult():
            return message_pb2.ContentBlock(tool_result=proto_tool_result(block))


def proto_tool_call(call: ToolCall) -> Any:
    return message_pb2.ToolCall(
        tool_call_id=proto_text(call.id), name=proto_text(call.name), input=struct_from_json(call.input)
    )


def proto_tool_result(answered: ToolResult) -> Any:
    result = answered.result
    exit_code = result.exit_code
    return message_pb2.ToolResult(
        tool_call_id=proto_text(answered.tool_call_id),
        success=result.success,
        output=proto_text(result.output),
        error=proto_text(result.error),
        reason=result.reason,
        exit_code=None if exit_code is None else max(-MAX_INT32, min(exit_code, MAX_INT32)),
        duration_seconds=result.duration_seconds,
        truncated=result.truncated,
        data=None if result.data is None else value_from_json(result.data),
    )


def proto_usage(usage: Usage) -> Any:
    return message_pb2.Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        cache_misses=usage.cache_misses,
        cost_usd=usage.cost_usd,
    )


def proto_output(piece: OutputPiece) -> Any:
    return tool_registry_service_pb2.ToolOutput(stream=_STREAMS[piece.stream], text=proto_text(piece.text))


def proto_tool(tool: Tool) -> Any:
    return tool_registry_service_pb2.Tool(
        name=proto_text(tool.name),
        description=proto_text(tool.description),
        input_schema=struct_from_json(tool.input_schema),
        effect=_EFFECTS[tool.effect],
        requires_permission=tool.requires_permission,
        restricted=tool.restricted,
        timeout_seconds=tool.timeout_seconds or 0.0,
        source=proto_text(tool.source),
    )


def proto_answer(answer: Answer | None) -> Any:
    return _ANSWERS[answer]


def proto_request(request: PermissionRequest) -> Any:
    return permission_service_pb2.PermissionRequest(
        permission_request_id=request.id,
        session_id=request.session_id,
        turn_id=request.turn_id,
        tool_call_id=proto_text(request.tool_call_id),
        run_id=request.run_id,
        tool=proto_text(request.tool),
        effect=_EFFECTS[request.effect],
        canonical_input_json=proto_text(request.canonical_input),
        title=proto_text(request.title),
        stack=proto_text(request.stack),
        lines=[proto_text(line) for line in request.lines],
        options=[_proto_option(option) for option in request.options],
        digest=request.digest,
        create_time=proto_time(request.create_time),
        expire_time=proto_time(request.expire_time),
        outcome=_ANSWERS[request.outcome],
        resolved_by=proto_text(request.resolved_by),
        resolve_time=proto_time(request.resolve_time),
    )


def proto_decision(decision: Decision) -> Any:
    return permission_service_pb2.ExplainPermissionResponse(
        decision=_DECISIONS[decision.kind],
        reason=proto_text(decision.reason),
        rule=proto_rule(decision.rule),
        lost=[proto_rule(rule) for rule in decision.lost],
    )


def proto_grant(grant: Grant) -> Any:
    return permission_service_pb2.Grant(
        grant_id=grant.id,
        text=proto_text(grant.text),
        tool=proto_text(grant.tool),
        allow=grant.allow,
        input_json=proto_text(canonical_json(grant.input)),
        command=[proto_text(word) for word in grant.command],
        session_id=grant.session_id,
        user=proto_text(grant.user),
        from_session_id=grant.from_session,
        create_time=proto_time(grant.create_time),
        expire_time=proto_time(grant.expire_time),
        uses=grant.uses,
    )


def _proto_option(option: Option) -> Any:
    return permission_service_pb2.PermissionOption(
        option_id=option.id,
        label=option.label,
        key=option.key,
        answer=_ANSWERS[option.answer],
        rule_preview=proto_text(option.rule_preview),
    )


def proto_rule(rule: Rule) -> Any:
    return permission_service_pb2.PermissionRuleMatch(
        text=proto_text(rule.text), file=proto_text(rule.file), line=rule.line
    )
