from typing import Any

import pytest

from atmos_ai_sidecar.domain.budgets import Budget, Limits, Meter, Scope, Spent
from atmos_ai_sidecar.domain.events import StopReason
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolCall, ToolResult, Usage
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.domain.turn import Answered, CallFinished, Finish, Turn, TurnLimits
from tests.strict_history import violations


def budget(scope: Scope = Scope.TURN, before: Spent | None = None, **limits: Any) -> Budget:
    return Budget(scope=scope, limits=Limits(**limits), before=before or Spent())


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({"max_steps": 10}, "8 of 10 steps of the turn"),
        ({"max_tokens": 1000}, "800 of 1,000 tokens of the turn"),
        ({"max_cost_usd": 1.0}, "$0.8000 of $1 of the turn"),
    ],
)
def test_a_limit_warns_once_at_80_percent_and_is_used_up_at_100(limits: dict[str, Any], text: str) -> None:
    meter = Meter([budget(**limits)])
    one = Usage(
        input_tokens=40, output_tokens=30, cache_read_input_tokens=20, cache_creation_input_tokens=10, cost_usd=0.1
    )
    warnings = [meter.add(one) for _ in range(9)]
    assert [str(level) for levels in warnings for level in levels] == [text]
    assert [bool(levels) for levels in warnings] == [False] * 7 + [True, False]
    assert meter.overrun() is None
    meter.add(one)
    assert meter.overrun() is not None


def test_one_request_that_jumps_over_the_limit_is_no_warning_but_the_end() -> None:
    meter = Meter([budget(max_tokens=10)])
    assert meter.add(Usage(output_tokens=99)) == []
    assert str(meter.overrun()) == "99 of 10 tokens of the turn"


def test_what_was_used_before_counts_and_is_not_warned_of_again() -> None:
    before = Spent(steps=3, usage=Usage(output_tokens=900))
    meter = Meter([budget(Scope.SESSION, before, max_tokens=1000)])
    assert meter.add(Usage(output_tokens=50)) == []
    assert meter.overrun() is None
    meter.add(Usage(output_tokens=50))
    overrun = meter.overrun()
    assert overrun is not None
    assert overrun.key == "ai.budget.session.max_tokens"


def test_a_cost_that_is_not_known_is_not_taken_for_nothing() -> None:
    meter = Meter([budget(max_cost_usd=1, max_tokens=100)])
    meter.add(Usage(output_tokens=1))
    assert [level.setting for level in meter.levels()] == ["max_tokens"]


def answered(*calls: ToolCall, stop_reason: str = "tool_use") -> Answered:
    return Answered(blocks=(Text(text="x"), *calls), stop_reason=stop_reason, usage=Usage(output_tokens=60))


def test_a_turn_stops_before_the_request_that_its_budget_does_not_cover() -> None:
    turn = Turn(limits=TurnLimits(), is_parallel=lambda _: True, budgets=[budget(Scope.RUN, max_tokens=100)])
    first, second = (ToolCall(id=name, name="read", input={}) for name in "ab")
    turn.feed(answered(first))
    assert turn.take_warnings() == []
    turn.feed(CallFinished(tool_result=ToolResult(tool_call_id="a", result=Result(success=True))))
    end = turn.feed(answered(second))
    assert isinstance(end, Finish)
    assert (end.event.stop_reason, end.event.reason) == (StopReason.BUDGET, "BUDGET_EXHAUSTED")
    assert "120 of 100 tokens of the run" in end.event.message
    assert "ai.budget.run.max_tokens" in end.event.message
    asked = Message(role=Role.USER, blocks=(Text(text="Hi"),))
    assert violations([asked, *turn.take_unsaved()]) == []


def test_an_answer_that_ends_the_turn_is_no_overrun() -> None:
    turn = Turn(limits=TurnLimits(), is_parallel=lambda _: True, budgets=[budget(max_tokens=10)])
    end = turn.feed(answered(stop_reason="end_turn"))
    assert isinstance(end, Finish)
    assert end.event.stop_reason is StopReason.END_TURN
