"""What the domain says survives the way through the contract: out with ours, over the wire, and read back here."""

import json
import math
from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain import events
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
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.domain.tools import Effect, OutputPiece, Result
from atmos_ai_sidecar.errors import InvalidFieldError, InvalidPageTokenError
from atmos_ai_sidecar.rpc import convert, limits
from atmos_ai_sidecar.rpc.chat_events import proto_event
from atmos_ai_sidecar.rpc.limits import MAX_EVENT_BYTES, within_event_limit
from atmos_ai_sidecar.rpc.paging import page_cursor, page_limit, page_token
from atmos_ai_sidecar.rpc.values import MAX_EXACT_INTEGER, json_from_struct, struct_from_json, value_from_json
from atmos_ai_sidecar.v1 import chat_service_pb2, message_pb2, permission_service_pb2

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
UTF8 = st.text(st.characters(codec="utf-8"))
NUMBERS = st.integers(-MAX_EXACT_INTEGER, MAX_EXACT_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | UTF8,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(UTF8, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(UTF8, JSON, max_size=4)
COUNTS = st.integers(0, 2**40)
USAGES = st.builds(
    Usage,
    input_tokens=COUNTS,
    output_tokens=COUNTS,
    cache_read_input_tokens=COUNTS,
    cache_creation_input_tokens=COUNTS,
    cache_misses=st.integers(0, 2**20),
    cost_usd=st.none() | st.floats(0, 1e6),
)
CALLS = st.builds(ToolCall, id=UTF8, name=UTF8, input=OBJECTS)
RESULTS = st.builds(
    ToolResult,
    tool_call_id=UTF8,
    result=st.builds(
        Result,
        success=st.booleans(),
        output=UTF8,
        data=JSON,
        error=UTF8,
        reason=st.sampled_from(["", "TOOL_TIMEOUT"]),
        exit_code=st.none() | st.integers(-255, 255),
        duration_seconds=st.floats(0, 1e6),
        truncated=st.booleans(),
    ),
)
BLOCKS: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, text=UTF8),
    st.builds(Thinking, thinking=UTF8, signature=UTF8),
    st.builds(RedactedThinking, data=UTF8.filter(bool)),
    CALLS,
    RESULTS,
)
MESSAGES = st.builds(
    Message,
    role=st.sampled_from(Role),
    blocks=st.lists(BLOCKS, max_size=4).map(tuple),
    id=st.integers(0, 2**40),
    session_id=UTF8,
    turn_id=UTF8,
    create_time=st.none() | st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    usage=st.none() | USAGES,
)
REQUESTS = st.builds(
    PermissionRequest,
    id=UTF8,
    session_id=UTF8,
    turn_id=UTF8,
    tool_call_id=UTF8,
    run_id=UTF8,
    tool=UTF8,
    effect=st.sampled_from(Effect),
    canonical_input=UTF8,
    title=UTF8,
    stack=UTF8,
    lines=st.lists(UTF8, max_size=3).map(tuple),
    options=st.lists(
        st.builds(Option, id=UTF8, label=UTF8, key=UTF8, answer=st.sampled_from(Answer), rule_preview=UTF8), max_size=3
    ).map(tuple),
    digest=UTF8,
    create_time=st.just(NOW),
    expire_time=st.just(NOW),
    outcome=st.none() | st.sampled_from(Answer),
    resolved_by=UTF8,
    resolve_time=st.none() | st.just(NOW),
)
EVENTS: st.SearchStrategy[events.TurnEvent] = st.one_of(
    st.builds(events.TurnStarted, user_message=UTF8, model=UTF8),
    st.builds(events.TextDelta, text=UTF8),
    st.builds(events.ThinkingDelta, thinking=UTF8),
    st.builds(events.ModelRetrying, attempt=st.integers(2, 9), delay_seconds=st.floats(0, 60), message=UTF8),
    st.builds(events.ToolCallStarted, tool_call=CALLS, title=UTF8),
    st.builds(
        events.ToolCallOutput,
        tool_call_id=UTF8,
        piece=st.builds(OutputPiece, stream=st.sampled_from(["stdout", "stderr"]), text=UTF8),
    ),
    st.builds(events.ToolCallFinished, tool_result=RESULTS),
    st.builds(events.PermissionRequested, request=REQUESTS),
    st.builds(events.PermissionResolved, permission_request_id=UTF8, outcome=st.sampled_from(Answer), resolved_by=UTF8),
    st.builds(events.UsageReported, usage=USAGES),
    st.builds(
        events.Notice,
        kind=st.sampled_from(events.NoticeKind),
        message=UTF8,
        metadata=st.dictionaries(UTF8, UTF8, max_size=2),
    ),
    st.builds(
        events.TurnFinished,
        stop_reason=st.sampled_from(events.StopReason),
        reason=UTF8,
        message=UTF8,
        metadata=st.dictionaries(UTF8, UTF8, max_size=3),
        usage=USAGES,
        steps=st.integers(0, 99),
    ),
)


def over_the_wire(message: Any) -> Any:
    return type(message).FromString(message.SerializeToString())


def json_of(value: Value) -> Any:
    return json_from_struct(Struct(fields={"x": value}), "")["x"]


def name_of(enum: Any, number: int, prefix: str) -> str:
    return str(enum.Name(number)).removeprefix(prefix).lower()


def usage_of(usage: Any) -> Usage:
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_input_tokens=usage.cache_read_input_tokens,
        cache_creation_input_tokens=usage.cache_creation_input_tokens,
        cache_misses=usage.cache_misses,
        cost_usd=usage.cost_usd if usage.HasField("cost_usd") else None,
    )


def call_of(call: Any) -> ToolCall:
    return ToolCall(id=call.tool_call_id, name=call.name, input=json_from_struct(call.input, "input"))


def result_of(answered: Any) -> ToolResult:
    result = Result(
        success=answered.success,
        output=answered.output,
        data=json_of(answered.data) if answered.HasField("data") else None,
        error=answered.error,
        reason=answered.reason,
        exit_code=answered.exit_code if answered.HasField("exit_code") else None,
        duration_seconds=answered.duration_seconds,
        truncated=answered.truncated,
    )
    return ToolResult(tool_call_id=answered.tool_call_id, result=result)


def block_of(block: Any) -> Block:
    match block.WhichOneof("block"):
        case "text":
            return Text(text=block.text.text)
        case "thinking":
            if block.thinking.redacted_thinking:
                return RedactedThinking(data=block.thinking.redacted_thinking)
            return Thinking(thinking=block.thinking.thinking, signature=block.thinking.signature)
        case "tool_call":
            return call_of(block.tool_call)
        case _:
            return result_of(block.tool_result)


def time_of(message: Any, field: str) -> datetime | None:
    return getattr(message, field).ToDatetime(UTC) if message.HasField(field) else None


def answer_of(number: int) -> Answer | None:
    return Answer(name_of(permission_service_pb2.Answer, number, "ANSWER_")) if number else None


def request_of(request: Any) -> PermissionRequest:
    same = "session_id turn_id tool_call_id run_id tool title stack digest resolved_by".split()  # noqa: SIM905
    return PermissionRequest(
        id=request.permission_request_id,
        effect=Effect(name_of(permission_service_pb2.Effect, request.effect, "EFFECT_")),
        canonical_input=request.canonical_input_json,
        lines=tuple(request.lines),
        options=tuple(
            Option(
                id=option.option_id,
                label=option.label,
                key=option.key,
                answer=answer_of(option.answer) or Answer.EXPIRED,
                rule_preview=option.rule_preview,
            )
            for option in request.options
        ),
        create_time=NOW,
        expire_time=NOW,
        outcome=answer_of(request.outcome),
        resolve_time=time_of(request, "resolve_time"),
        **{name: getattr(request, name) for name in same},
    )


def event_of(response: Any) -> events.TurnEvent:
    kind = response.WhichOneof("event")
    event = getattr(response, kind)
    match kind:
        case "tool_call_started":
            return events.ToolCallStarted(tool_call=call_of(event.tool_call), title=event.title)
        case "tool_call_output":
            stream: Any = {1: "stdout", 2: "stderr"}[event.output.stream]
            piece = OutputPiece(stream=stream, text=event.output.text)
            return events.ToolCallOutput(tool_call_id=event.tool_call_id, piece=piece)
        case "tool_call_finished":
            return events.ToolCallFinished(tool_result=result_of(event.tool_result))
        case "permission_requested":
            return events.PermissionRequested(request=request_of(event.permission_request))
        case "permission_resolved":
            return events.PermissionResolved(
                permission_request_id=event.permission_request_id,
                outcome=answer_of(event.outcome) or Answer.EXPIRED,
                resolved_by=event.resolved_by,
            )
        case "usage":
            return events.UsageReported(usage=usage_of(event.usage))
        case "notice":
            kind_name = name_of(chat_service_pb2.NoticeKind, event.kind, "NOTICE_KIND_")
            return events.Notice(
                kind=events.NoticeKind(kind_name), message=event.message, metadata=dict(event.metadata)
            )
        case "turn_finished":
            return events.TurnFinished(
                stop_reason=events.StopReason(name_of(chat_service_pb2.StopReason, event.stop_reason, "STOP_REASON_")),
                reason=event.reason,
                message=event.message,
                metadata=dict(event.metadata),
                usage=usage_of(event.usage),
                steps=event.steps,
            )
        case _:
            plain: dict[str, Any] = {
                "turn_started": events.TurnStarted,
                "text_delta": events.TextDelta,
                "thinking_delta": events.ThinkingDelta,
                "model_retrying": events.ModelRetrying,
            }
            fields = {field.name: getattr(event, field.name) for field in event.DESCRIPTOR.fields}
            return plain[kind](**fields)  # type: ignore[no-any-return]


@given(OBJECTS)
def test_json_comes_back_with_whole_numbers_as_integers(values: dict[str, Any]) -> None:
    back = json_from_struct(over_the_wire(struct_from_json(values)), "input")
    assert back == values
    assert json.loads(json.dumps(back)) == back


@given(MESSAGES)
def test_message_comes_back_as_it_was(message: Message) -> None:
    there = over_the_wire(convert.proto_message(message))
    back = Message(
        role=Role(name_of(message_pb2.Role, there.role, "ROLE_")),
        blocks=tuple(block_of(block) for block in there.blocks),
        id=there.message_id,
        session_id=there.session_id,
        turn_id=there.turn_id,
        create_time=time_of(there, "create_time"),
        usage=usage_of(there.usage) if there.HasField("usage") else None,
    )
    assert back == message
    assert there.content == message.text


@given(EVENTS, st.integers(1, 2**40), UTF8)
def test_event_comes_back_as_it_was(event: events.TurnEvent, seq: int, turn_id: str) -> None:
    there = over_the_wire(proto_event(events.SessionEvent(seq=seq, turn_id=turn_id, time=NOW, event=event)))
    assert (there.seq, there.turn_id, time_of(there, "event_time")) == (seq, turn_id, NOW)
    assert event_of(there) == event


@given(st.sampled_from(DecisionKind), UTF8, st.integers(0, 9999))
def test_decision_comes_back_as_it_was(kind: DecisionKind, text: str, line: int) -> None:
    rule = Rule(text=text, file=text, line=line)
    there = over_the_wire(convert.proto_decision(Decision(kind=kind, reason=text, rule=rule, lost=(rule, rule))))
    assert name_of(permission_service_pb2.DecisionKind, there.decision, "DECISION_KIND_") == kind.value
    assert there.reason == text
    rules = [Rule(text=found.text, file=found.file, line=found.line) for found in (there.rule, *there.lost)]
    assert rules == [rule] * 3


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2**53 + 1, str(2**53 + 1)),
        (-(2**60), str(-(2**60))),
        (math.inf, "inf"),
        (math.nan, "nan"),
        (NOW, str(NOW)),
        ("\ud83d", "\ufffd"),
        ("a\ud83d\ude00", "a\U0001f600"),
        ((1, 2), [1, 2]),
        ({1: True}, {"1": True}),
    ],
)
def test_what_has_no_exact_form_travels_as_text(value: Any, expected: Any) -> None:
    assert json_of(over_the_wire(value_from_json(value))) == expected


def test_values_of_any_depth_can_be_sent_and_read() -> None:
    deep: Any = "leaf"
    for _ in range(5000):
        deep = {"a": [deep]}
    finished = events.ToolCallFinished(tool_result=ToolResult(tool_call_id="c", result=Result(success=True, data=deep)))
    event = events.SessionEvent(seq=1, turn_id="t", time=NOW, event=finished)
    there = over_the_wire(proto_event(event))
    assert there.tool_call_finished.tool_result.HasField("data")
    shallow: Any = 1
    for _ in range(40):
        shallow = {"a": shallow}
    assert json.loads(json.dumps(json_of(over_the_wire(value_from_json(shallow)))))


@pytest.mark.parametrize(
    "result",
    [
        Result(success=True, output="ü" * MAX_EVENT_BYTES),
        Result(success=True, data={str(number): "v" * 50 for number in range(50_000)}),
        Result(success=True, data=["x"] * 250_000),
        Result(success=False, output="x" * 900_000, error="y" * 900_000),
    ],
    ids=["text", "object", "list", "texts"],
)
def test_event_is_never_larger_than_a_mebibyte(result: Result) -> None:
    finished = events.ToolCallFinished(tool_result=ToolResult(tool_call_id="c", result=result))
    there = proto_event(events.SessionEvent(seq=1, turn_id="t", time=NOW, event=finished))
    assert there.ByteSize() <= MAX_EVENT_BYTES
    assert there.tool_call_finished.tool_result.success == result.success
    assert there.tool_call_finished.tool_result.tool_call_id == "c"


def test_long_texts_are_cut_until_an_event_fits_and_short_ones_stay() -> None:
    lengths = [300, 5000, 70_000]
    data = {str(number): "v" * lengths[number % 3] for number in range(300)}
    result = message_pb2.ToolResult(data=value_from_json(data))
    there = within_event_limit(result).data.struct_value.fields
    assert result.ByteSize() <= MAX_EVENT_BYTES
    assert there["0"].string_value == "v" * 300
    assert there["1"].string_value == "v" * 4096 + "… [904 characters left out]"
    assert there["2"].string_value.startswith("v" * 4096 + "… [")


def test_event_is_walked_only_for_a_limit_that_a_text_exceeds(monkeypatch: pytest.MonkeyPatch) -> None:
    walked: list[int] = []
    cut = limits._cut_texts

    def counted(message: Any, limit: int) -> int:
        walked.append(limit)
        return cut(message, limit)

    monkeypatch.setattr(limits, "_cut_texts", counted)
    many = message_pb2.ToolResult(data=value_from_json(["x" * 100] * 20_000))
    assert within_event_limit(many).ByteSize() <= MAX_EVENT_BYTES
    assert set(walked) == {64 * 1024}


def test_question_with_huge_input_keeps_its_digest() -> None:
    option = Option(id="o", label="allow", key="y", answer=Answer.ALLOW_ONCE)
    request = PermissionRequest(
        id="p",
        session_id="",
        turn_id="",
        tool_call_id="",
        run_id="",
        tool="t",
        effect=Effect.WRITE,
        canonical_input="x" * (2 * MAX_EVENT_BYTES),
        title="t",
        stack="",
        lines=["y" * 100] * 100_000,
        options=(option,),
        digest="d",
        create_time=NOW,
        expire_time=NOW,
    )
    event = events.SessionEvent(seq=1, turn_id="t", time=NOW, event=events.PermissionRequested(request=request))
    there = proto_event(event)
    assert there.ByteSize() <= MAX_EVENT_BYTES
    assert there.permission_requested.permission_request.digest == "d"


def test_session_keeps_its_fields() -> None:
    session = Session(
        id=SessionId("i"),
        name="n",
        project_path="/p",
        model="m",
        provider="v",
        create_time=NOW,
        update_time=NOW,
        metadata={"a": "b"},
        etag="e",
        message_count=3,
        archived=True,
    )
    there = over_the_wire(convert.proto_session(session))
    assert (there.session_id, there.name, there.project_path, there.model, there.provider) == ("i", "n", "/p", "m", "v")
    assert (dict(there.metadata), there.etag, there.message_count, there.archived) == ({"a": "b"}, "e", 3, True)
    assert time_of(there, "create_time") == time_of(there, "update_time") == NOW


@given(UTF8.filter(bool), st.lists(UTF8, max_size=3), st.lists(UTF8, max_size=3))
def test_page_token_gives_its_cursor_back_to_its_own_list_only(
    cursor: str, filters: list[str], others: list[str]
) -> None:
    token = page_token(cursor, *filters)
    assert page_cursor(token, *filters) == cursor
    if filters != others:
        with pytest.raises(InvalidPageTokenError):
            page_cursor(token, *others)


@given(st.text())
def test_no_text_makes_the_reading_of_a_page_token_crash(token: str) -> None:
    try:
        page_cursor(token, "list")
    except InvalidPageTokenError:
        return


def test_no_cursor_is_no_token_and_sizes_have_a_range() -> None:
    assert page_token("", "list") == page_cursor("", "list") == ""
    assert [page_limit(size) for size in (0, 1, 1000)] == [50, 1, 1000]
    for size in (-1, 1001):
        with pytest.raises(InvalidFieldError):
            page_limit(size)
