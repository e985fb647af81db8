import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.compaction import (
    Compaction,
    CompactionSettings,
    asking_for_summary,
    cut,
    estimate,
    summary_text,
    view,
)
from atmos_ai_sidecar.domain.facts import facts_of
from atmos_ai_sidecar.domain.history import repaired
from atmos_ai_sidecar.domain.messages import (
    Block,
    Message,
    RedactedThinking,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from atmos_ai_sidecar.domain.tools import Result
from tests.strict_history import violations

THOUGHT = Thinking(thinking="hm", signature="c2ln")


def conversation(calls_of_turns: list[int]) -> list[Message]:
    """Turns with so many steps of one call each, as they are stored."""
    contents: list[tuple[Role, tuple[Block, ...]]] = []
    for turn, steps in enumerate(calls_of_turns):
        contents.append((Role.USER, (Text(text=f"Question {turn}."),)))
        for step in range(steps):
            call = ToolCall(id=f"{turn}-{step}", name="read", input={"stack": f"s{turn}"})
            result = Result(success=True, output="o" * 500)
            contents.append((Role.ASSISTANT, (THOUGHT, call)))
            contents.append((Role.USER, (ToolResult(tool_call_id=call.id, result=result),)))
        contents.append((Role.ASSISTANT, (Text(text=f"Answer {turn}."),)))
    return [Message(role=role, blocks=blocks, id=number) for number, (role, blocks) in enumerate(contents, start=1)]


turns = st.lists(st.integers(0, 4), min_size=1, max_size=6)


@given(turns, st.integers(0, 12), st.integers(0, 40))
def test_view_of_any_compaction_is_a_valid_history_and_shorter(steps: list[int], keep: int, pruned: int) -> None:
    messages = conversation(steps)
    size = cut(messages, keep=keep)
    through = messages[size - 1].id if size else 0
    compaction = Compaction(summary="S." if size else "", summarized_through=through, pruned_through=pruned)
    seen = repaired([*view(messages, compaction), Message(role=Role.USER, blocks=(Text(text="Go on."),))])
    assert seen.repairs == ()
    assert violations(seen.messages) == []
    assert estimate(view(messages, compaction)) <= estimate(messages) + 10


@given(turns, st.integers(0, 12))
def test_part_that_is_summarised_is_a_valid_history(steps: list[int], keep: int) -> None:
    messages = conversation(steps)
    size = cut(messages, keep=keep)
    assert size <= max(0, len(messages) - keep)
    asked = repaired(asking_for_summary(messages[:size], "the vpc"))
    assert asked.repairs == ()
    assert violations(asked.messages) == []


def test_no_compaction_shows_everything() -> None:
    messages = conversation([1, 2])
    assert view(messages, None) == tuple(messages)
    assert view(messages, Compaction()) == tuple(messages)


def test_stub_keeps_whether_the_call_failed_and_why() -> None:
    result = Result(success=False, output="o" * 900, error="No such stack.", reason="TOOL_EXECUTION_FAILED")
    message = Message(role=Role.USER, blocks=(ToolResult(tool_call_id="a", result=result),), id=1)
    ((shown,),) = [seen.tool_results for seen in view([message], Compaction(pruned_through=1))]
    assert (shown.result.success, shown.result.error, shown.result.reason) == (
        False,
        "No such stack.",
        "TOOL_EXECUTION_FAILED",
    )
    assert "914 characters" in shown.result.output


def test_short_output_is_not_worth_a_stub() -> None:
    message = Message(
        role=Role.USER, blocks=(ToolResult(tool_call_id="a", result=Result(success=True, output="ok")),), id=1
    )
    assert view([message], Compaction(pruned_through=1)) == (message,)


def test_every_kind_of_block_counts() -> None:
    blocks: list[Block] = [
        Text(text="x" * 300),
        RedactedThinking(data="x" * 300),
        ToolCall(id="a", name="read", input={"a": "x" * 300}),
        ToolResult(tool_call_id="a", result=Result(success=True, data={"a": "x" * 300})),
    ]
    for block in blocks:
        assert 100 <= estimate([Message(role=Role.USER, blocks=(block,))]) < 130


@pytest.mark.parametrize(("max_tokens", "limit"), [(1000, 15_000), (8000, 12_000), (64_000, 5_000)])
def test_limit_leaves_room_for_the_answer(max_tokens: int, limit: int) -> None:
    assert CompactionSettings(window_tokens=20_000).limit(max_tokens) == limit


def test_summary_without_facts_is_the_frame_and_what_was_said() -> None:
    assert summary_text(" So. ", "").endswith("\n\nSo.")


def test_facts_are_the_newest_of_each_kind_and_none_twice() -> None:
    calls = [ToolCall(id=str(n), name="read", input={"stack": f"s{n % 50}", "components": ["vpc"]}) for n in range(100)]
    facts = facts_of([Message(role=Role.ASSISTANT, blocks=tuple(calls))])
    assert facts.count("s49") == 1
    assert "s9," not in facts
    assert "s10, s11" in facts
    assert facts.count("vpc") == 1


def test_talk_without_tool_calls_has_no_facts() -> None:
    assert facts_of([Message(role=Role.USER, blocks=(Text(text="Hi"),))]) == ""
