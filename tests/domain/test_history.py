import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.history import LOST_RESULT, repaired
from atmos_ai_sidecar.domain.messages import Block, Message, Role, Text, ToolCall, ToolResult
from atmos_ai_sidecar.domain.tools import Result
from tests.strict_history import violations


def user(*blocks: Block) -> Message:
    return Message(role=Role.USER, blocks=blocks)


def assistant(*blocks: Block) -> Message:
    return Message(role=Role.ASSISTANT, blocks=blocks)


def text(words: str = "hello") -> Text:
    return Text(text=words)


def call(call_id: str) -> ToolCall:
    return ToolCall(id=call_id, name="read", input={})


def result(call_id: str, output: str = "ok") -> ToolResult:
    return ToolResult(tool_call_id=call_id, result=Result(success=True, output=output))


def test_sound_history_is_left_alone() -> None:
    messages = (user(text()), assistant(text(), call("a")), user(result("a")), assistant(text()))
    history = repaired(messages)
    assert history.messages == messages
    assert history.repairs == ()


def test_neighbours_of_one_role_are_merged_without_a_repair() -> None:
    history = repaired((user(text("one")), user(text("two")), assistant(text("three")), assistant(text("four"))))
    assert [message.text for message in history.messages] == ["one\n\ntwo", "three\n\nfour"]
    assert history.repairs == ()


def test_results_stand_before_what_the_user_said_next() -> None:
    history = repaired((user(text()), assistant(call("a")), user(result("a")), user(text("and now?"))))
    assert history.messages[-1].blocks == (result("a"), text("and now?"))


@pytest.mark.parametrize(
    ("messages", "word"),
    [
        ((user(text()), assistant(call("a"))), "'a' had no result"),
        ((user(text()), assistant(call("a")), user(text("next"))), "'a' had no result"),
        ((user(text()), assistant(call("a")), user(result("a"), result("a", "again"))), "nobody had made"),
        ((user(text()), assistant(text()), user(result("x"), text())), "nobody had made"),
        ((user(text()), assistant(text()), user(result("x"))), "nobody had made"),
        ((user(text(), text(" ")),), "empty part"),
        ((user(text()), assistant(), user(text())), "empty part"),
        ((assistant(text()), user(text())), "began with the assistant"),
        ((user(text(), call("a")),), "user held a tool call"),
        ((user(text()), assistant(result("a"), text())), "does not belong there"),
        ((user(text()), assistant(call("a"), call("a")), user(result("a"))), "does not belong there"),
        ((user(text()), assistant(result("a")), user(text())), "does not belong there"),
        ((user(result("a")), assistant(text()), user(text())), "nobody had made"),
    ],
)
def test_broken_history_is_mended_and_the_repair_named(messages: tuple[Message, ...], word: str) -> None:
    history = repaired(messages)
    assert violations(history.messages) == []
    assert any(word in repair for repair in history.repairs)


def test_call_without_a_result_is_reported_to_the_model_as_unknown() -> None:
    history = repaired((user(text()), assistant(call("a"), call("b")), user(result("b"))))
    assert history.messages[-1].tool_results == (ToolResult(tool_call_id="a", result=LOST_RESULT), result("b"))


def test_calls_of_two_assistant_messages_in_a_row_are_all_answered() -> None:
    history = repaired((user(text()), assistant(call("a")), assistant(call("b")), user(result("b"))))
    assert violations(history.messages) == []


ids = st.sampled_from(["a", "b", "c"])
blocks = st.one_of(st.builds(text, st.sampled_from(["", " ", "words"])), st.builds(call, ids), st.builds(result, ids))
messages_strategy = st.lists(
    st.builds(
        lambda role, parts: Message(role=role, blocks=tuple(parts)), st.sampled_from(Role), st.lists(blocks, max_size=3)
    ),
    max_size=8,
)


@given(messages_strategy)
def test_whatever_is_stored_becomes_valid_and_stays_as_it_is(messages: list[Message]) -> None:
    history = repaired(messages)
    assert violations(history.messages) == []
    again = repaired(history.messages)
    assert again.messages == history.messages
    assert again.repairs == ()


@given(messages_strategy)
def test_nothing_that_was_said_is_lost(messages: list[Message]) -> None:
    said = [b.text for m in messages for b in m.blocks if isinstance(b, Text) and b.text.strip()]
    kept = [b.text for m in repaired(messages).messages for b in m.blocks if isinstance(b, Text)]
    assert [words for words in kept if not words.startswith("(The beginning")] == said
