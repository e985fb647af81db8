import json
from datetime import UTC
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain import event_codec, events
from atmos_ai_sidecar.domain.messages import ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.domain.tools import Effect, OutputPiece, Result

TEXT = st.text(max_size=20)
COUNT = st.integers(min_value=0, max_value=2**53)
SECONDS = st.floats(min_value=0, max_value=1e9)
TIME = st.datetimes(timezones=st.just(UTC))
JSON = st.recursive(
    st.none() | st.booleans() | COUNT | TEXT,
    lambda child: st.lists(child, max_size=3) | st.dictionaries(TEXT, child, max_size=3),
    max_leaves=5,
)
USAGE = st.builds(
    Usage,
    input_tokens=COUNT,
    output_tokens=COUNT,
    cache_read_input_tokens=COUNT,
    cache_creation_input_tokens=COUNT,
    cache_misses=COUNT,
    cost_usd=st.none() | st.floats(0, 1e6),
)
RESULT = st.builds(
    Result,
    success=st.booleans(),
    output=TEXT,
    data=JSON,
    error=TEXT,
    reason=TEXT,
    exit_code=st.none() | st.integers(0, 255),
    duration_seconds=SECONDS,
    truncated=st.booleans(),
)
OPTION = st.builds(Option, id=TEXT, label=TEXT, key=TEXT, answer=st.sampled_from(Answer), rule_preview=TEXT)
REQUEST = st.builds(
    PermissionRequest,
    id=TEXT,
    session_id=TEXT,
    turn_id=TEXT,
    tool_call_id=TEXT,
    run_id=TEXT,
    tool=TEXT,
    effect=st.sampled_from(Effect),
    canonical_input=TEXT,
    title=TEXT,
    stack=TEXT,
    lines=st.lists(TEXT, max_size=3).map(tuple),
    options=st.lists(OPTION, max_size=4).map(tuple),
    digest=TEXT,
    create_time=TIME,
    expire_time=TIME,
    outcome=st.none() | st.sampled_from(Answer),
    resolved_by=TEXT,
    resolve_time=st.none() | TIME,
    comment=TEXT,
)
TOOL_CALL = st.builds(ToolCall, id=TEXT, name=TEXT, input=st.dictionaries(TEXT, JSON, max_size=3))
EVENT: st.SearchStrategy[events.TurnEvent] = st.one_of(
    st.builds(events.TurnStarted, user_message=TEXT, model=TEXT),
    st.builds(events.TextDelta, text=TEXT),
    st.builds(events.ThinkingDelta, thinking=TEXT),
    st.builds(events.ModelRetrying, attempt=COUNT, delay_seconds=SECONDS, message=TEXT),
    st.builds(
        events.Notice,
        kind=st.sampled_from(events.NoticeKind),
        message=TEXT,
        metadata=st.dictionaries(TEXT, TEXT, max_size=2),
    ),
    st.builds(events.ToolCallStarted, tool_call=TOOL_CALL, title=TEXT),
    st.builds(
        events.ToolCallOutput,
        tool_call_id=TEXT,
        piece=st.builds(OutputPiece, stream=st.sampled_from(["stdout", "stderr"]), text=TEXT),
    ),
    st.builds(events.ToolCallFinished, tool_result=st.builds(ToolResult, tool_call_id=TEXT, result=RESULT)),
    st.builds(events.PermissionRequested, request=REQUEST),
    st.builds(events.PermissionResolved, permission_request_id=TEXT, outcome=st.sampled_from(Answer), resolved_by=TEXT),
    st.builds(events.UsageReported, usage=USAGE),
    st.builds(
        events.TurnFinished,
        stop_reason=st.sampled_from(events.StopReason),
        reason=TEXT,
        message=TEXT,
        metadata=st.dictionaries(TEXT, TEXT, max_size=3),
        usage=USAGE,
        steps=COUNT,
    ),
)


@given(EVENT)
def test_every_event_comes_back_equal_through_json_text(event: events.TurnEvent) -> None:
    text = json.dumps(event_codec.event_to_json(event))
    read = event_codec.event_from_json(json.loads(text))
    assert read == event
    assert type(read) is type(event)


@given(REQUEST)
def test_every_request_comes_back_equal_through_json_text(request: PermissionRequest) -> None:
    text = json.dumps(event_codec.request_to_json(request))
    assert event_codec.request_from_json(json.loads(text)) == request


def test_every_kind_of_event_has_a_name() -> None:
    assert set(event_codec._EVENTS.values()) == set(get_args(events.TurnEvent))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"type": "moon_phase"},
        {"type": "text_delta", "text": "x", "colour": "red"},
        {"type": "text_delta"},
        {"type": "turn_finished", "stop_reason": "bored"},
        {"type": "tool_call_started", "tool_call": {"type": "text", "text": "x"}, "title": ""},
        {"type": "permission_requested", "request": {"id": "p"}},
        {"type": "permission_requested", "request": None},
        {"type": ["text_delta"]},
    ],
)
def test_what_is_no_event_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"not a|bored|content block"):
        event_codec.event_from_json(values)
