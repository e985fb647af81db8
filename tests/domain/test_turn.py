from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.events import StopReason
from atmos_ai_sidecar.domain.history import repaired
from atmos_ai_sidecar.domain.messages import Block, Message, Role, Text, Thinking, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.domain.turn import (
    LOOP_END,
    LOOP_WARNING,
    Action,
    Answered,
    AskModel,
    CallFinished,
    Cancelled,
    Failed,
    Finish,
    Input,
    Phase,
    Restarted,
    RunTools,
    Said,
    Turn,
    TurnLimits,
    Wait,
)
from tests.strict_history import violations

USER = Message(role=Role.USER, blocks=(Text(text="Plan the database."),))


def turn(max_steps: int = 25) -> Turn:
    return Turn(limits=TurnLimits(max_steps=max_steps), is_parallel=lambda call: call.name.startswith("read"))


def answered(*blocks: Block, stop_reason: str = "end_turn", tokens: int = 1) -> Answered:
    return Answered(blocks=blocks, stop_reason=stop_reason, usage=Usage(output_tokens=tokens))


def call(call_id: str, name: str = "plan", **values: object) -> ToolCall:
    return ToolCall(id=call_id, name=name, input=values)


def finished(call_id: str, output: str = "done") -> CallFinished:
    return CallFinished(tool_result=ToolResult(tool_call_id=call_id, result=Result(success=True, output=output)))


def asked(*calls: ToolCall) -> Answered:
    return answered(*calls, stop_reason="tool_use")


def stop_reason(action: Action) -> StopReason:
    assert isinstance(action, Finish)
    return action.event.stop_reason


def test_turn_without_tools_asks_once_and_finishes() -> None:
    subject = turn()
    assert subject.start() == AskModel()
    assert subject.feed(Said(text="Three ")) == Wait()
    action = subject.feed(answered(Text(text="Three stacks."), tokens=7))
    assert stop_reason(action) is StopReason.END_TURN
    assert subject.phase is Phase.FINISHED
    assert subject.usage == Usage(output_tokens=7)
    assert [message.text for message in subject.take_unsaved()] == ["Three stacks."]
    assert subject.take_unsaved() == []


def test_calls_are_stored_before_they_run_and_results_in_the_order_of_calls() -> None:
    subject = turn()
    calls = (call("a", "read_x"), call("b", "read_y"), call("c", "plan"))
    action = subject.feed(asked(*calls))
    assert action == RunTools(calls=calls[:2])
    assert [message.role for message in subject.take_unsaved()] == [Role.ASSISTANT]
    assert subject.feed(finished("b")) == Wait()
    assert subject.feed(finished("a")) == RunTools(calls=calls[2:])
    assert subject.feed(finished("c")) == AskModel()
    (results,) = subject.take_unsaved()
    assert [result.tool_call_id for result in results.tool_results] == ["a", "b", "c"]


def test_calls_that_do_more_than_read_run_one_at_a_time() -> None:
    subject = turn()
    calls = (call("a"), call("b"))
    assert subject.feed(asked(*calls)) == RunTools(calls=calls[:1])
    assert subject.feed(finished("a")) == RunTools(calls=calls[1:])


def test_result_that_nobody_waits_for_changes_nothing() -> None:
    subject = turn()
    subject.feed(asked(call("a")))
    assert subject.feed(finished("other")) == Wait()
    assert subject.feed(finished("a")) == AskModel()
    assert subject.feed(finished("a")) == Wait()


def test_call_with_input_that_is_no_json_is_answered_with_the_error_and_not_run() -> None:
    subject = turn()
    given_answer = Answered(
        blocks=(call("a"), call("b")), stop_reason="tool_use", usage=Usage(), invalid_inputs={"a": "line 1"}
    )
    assert subject.feed(given_answer) == RunTools(calls=(call("b"),))
    subject.feed(finished("b"))
    results = subject.take_unsaved()[-1].tool_results
    assert [result.result.reason for result in results] == ["INVALID_FIELD", ""]
    assert "line 1" in results[0].result.error


def test_all_inputs_invalid_asks_the_model_again() -> None:
    subject = turn()
    given_answer = Answered(blocks=(call("a"),), stop_reason="tool_use", usage=Usage(), invalid_inputs={"a": "x"})
    assert subject.feed(given_answer) == AskModel()


@pytest.mark.parametrize(
    ("provider_word", "expected"),
    [
        ("end_turn", StopReason.END_TURN),
        ("stop_sequence", StopReason.END_TURN),
        ("a_word_of_tomorrow", StopReason.END_TURN),
        ("max_tokens", StopReason.MAX_TOKENS),
        ("refusal", StopReason.REFUSAL),
    ],
)
def test_every_stop_reason_of_the_provider_ends_the_turn_as_ours(provider_word: str, expected: StopReason) -> None:
    assert stop_reason(turn().feed(answered(Text(text="x"), stop_reason=provider_word))) is expected


def test_paused_turn_is_asked_again() -> None:
    assert turn().feed(answered(Text(text="x"), stop_reason="pause_turn")) == AskModel()


def test_empty_answer_leaves_no_empty_message() -> None:
    subject = turn()
    assert stop_reason(subject.feed(answered(Text(text=" \n")))) is StopReason.END_TURN
    assert subject.take_unsaved() == []


def test_call_that_the_length_limit_cut_off_is_answered_and_not_run() -> None:
    subject = turn()
    action = subject.feed(answered(call("a"), stop_reason="max_tokens"))
    assert stop_reason(action) is StopReason.MAX_TOKENS
    assistant, results = subject.take_unsaved()
    assert assistant.tool_calls == (call("a"),)
    assert "length limit" in results.tool_results[0].result.error
    assert violations([USER, assistant, results]) == []


def test_last_step_answers_the_calls_it_may_not_run() -> None:
    subject = turn(max_steps=2)
    subject.feed(asked(call("a")))
    subject.feed(finished("a"))
    action = subject.feed(asked(call("b")))
    assert stop_reason(action) is StopReason.MAX_STEPS
    assert isinstance(action, Finish)
    assert "2 steps" in action.event.message
    assert action.event.steps == 2
    assert "used all its steps" in subject.take_unsaved()[-1].tool_results[0].result.error


def test_failure_keeps_what_was_streamed_and_says_why() -> None:
    subject = turn()
    subject.feed(Said(text="The CIDR"))
    action = subject.feed(Failed(reason="MODEL_UNAVAILABLE", message="No connection.", metadata={"url": "u"}))
    assert isinstance(action, Finish)
    assert (action.event.stop_reason, action.event.reason) == (StopReason.ERROR, "MODEL_UNAVAILABLE")
    assert action.event.metadata == {"url": "u"}
    assert [message.text for message in subject.take_unsaved()] == ["The CIDR"]


def test_failure_while_tools_run_answers_their_calls() -> None:
    subject = turn()
    subject.feed(asked(call("a"), call("b")))
    assert stop_reason(subject.feed(Failed(reason="X", message="x"))) is StopReason.ERROR
    assert violations([USER, *subject.take_unsaved()]) == []


def test_retry_replaces_what_was_streamed_and_never_appends() -> None:
    subject = turn()
    subject.feed(Said(text="first try"))
    subject.feed(Restarted())
    subject.feed(Said(text="second try"))
    subject.feed(Cancelled())
    assert [message.text for message in subject.take_unsaved()] == ["second try"]


def test_cancel_says_which_call_was_stopped_and_which_was_not_run() -> None:
    subject = turn()
    subject.feed(asked(call("a"), call("b")))
    assert stop_reason(subject.feed(Cancelled())) is StopReason.CANCELLED
    stopped, not_run = subject.take_unsaved()[-1].tool_results
    assert stopped.result.error.startswith("The call was stopped because the user cancelled")
    assert not_run.result.error.startswith("The call was not run because the user cancelled")
    assert stopped.result.reason == "CANCELLED"


def test_finished_turn_answers_every_late_input_with_its_end() -> None:
    subject = turn()
    end = subject.feed(Cancelled())
    for late in (Said(text="x"), Cancelled(), answered(Text(text="x")), finished("a")):
        assert subject.feed(late) is end
    assert subject.take_unsaved() == []


def repeat_same_call(subject: Turn, times: int) -> Iterator[Action]:
    for number in range(times):
        subject.feed(asked(call(f"c{number}", "read", stack="dev")))
        yield subject.feed(finished(f"c{number}", "same"))


def test_same_call_with_the_same_result_is_told_to_change_course_and_then_ended() -> None:
    subject = turn()
    *before, last = list(repeat_same_call(subject, LOOP_END))
    assert all(action == AskModel() for action in before)
    assert stop_reason(last) is StopReason.LOOP
    messages = subject.take_unsaved()
    outputs = [result.result.output for message in messages for result in message.tool_results]
    assert [("Change course" in output) for output in outputs] == [n >= LOOP_WARNING for n in range(1, LOOP_END + 1)]
    assert violations([USER, *messages]) == []


def test_same_call_with_another_result_is_no_loop() -> None:
    subject = turn()
    for number in range(LOOP_END + 1):
        subject.feed(asked(call(f"c{number}", "read")))
        assert subject.feed(finished(f"c{number}", f"state {number}")) == AskModel()


SCRIPT: Sequence[Input] = (
    Said(text="Let me "),
    Said(text="look."),
    answered(
        Thinking(thinking="hm", signature="c2ln"),
        Text(text="Let me look."),
        call("a", "read_x"),
        call("b", "read_y"),
        call("c", "plan"),
        stop_reason="tool_use",
    ),
    finished("b"),
    finished("a"),
    finished("c"),
    Said(text="All "),
    answered(Text(text="All good.")),
)


@pytest.mark.parametrize("index", range(len(SCRIPT) + 1))
@pytest.mark.parametrize(
    "end", [Cancelled(), Cancelled(stop_reason=StopReason.INTERRUPTED), Failed(reason="X", message="x")]
)
def test_history_is_valid_and_signatures_intact_when_the_turn_ends_at_any_event(index: int, end: Input) -> None:
    subject = turn()
    subject.start()
    stored = [USER]
    for given_input in (*SCRIPT[:index], end):
        subject.feed(given_input)
        stored.extend(subject.take_unsaved())
    assert subject.phase is Phase.FINISHED
    following = [*stored, Message(role=Role.USER, blocks=(Text(text="Go on."),))]
    history = repaired(following)
    assert history.repairs == ()
    assert violations(history.messages) == []
    thoughts = [block for message in history.messages for block in message.blocks if isinstance(block, Thinking)]
    assert all(thought == Thinking(thinking="hm", signature="c2ln") for thought in thoughts)


inputs = st.one_of(
    st.builds(Said, text=st.text(max_size=5)),
    st.just(Restarted()),
    st.just(Cancelled()),
    st.just(Failed(reason="X", message="x")),
    st.builds(
        lambda names, word: answered(*(call(f"c{i}", name) for i, name in enumerate(names)), stop_reason=word),
        st.lists(st.sampled_from(["read_x", "plan"]), max_size=4),
        st.sampled_from(["end_turn", "tool_use", "max_tokens", "pause_turn", "refusal"]),
    ),
    st.builds(finished, st.sampled_from(["c0", "c1", "c2", "c3"])),
)


@given(st.lists(inputs, max_size=20))
def test_no_order_of_inputs_makes_an_invalid_history(given_inputs: list[Input]) -> None:
    subject = turn(max_steps=5)
    stored = [USER]
    for given_input in (*given_inputs, Cancelled()):
        subject.feed(given_input)
        stored.extend(subject.take_unsaved())
    assert subject.phase is Phase.FINISHED
    history = repaired(stored)
    assert history.repairs == ()
    assert violations(history.messages) == []
