from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from atmos_ai_sidecar.domain.left_calls import LeftCall, LeftState

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUNNING = LeftCall(
    session_id="s", call_id="c", text="atmos terraform apply vpc -s prod", start_time=START, state=LeftState.RUNNING
)
FINISHED = replace(RUNNING, state=LeftState.FINISHED, exit_code=0, end_time=START + timedelta(seconds=65))
UNKNOWN = replace(RUNNING, state=LeftState.UNKNOWN)


@pytest.mark.parametrize(
    ("seconds", "told"), [(-5, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3 * 3600 + 125, "3 h 2 min")]
)
def test_a_running_call_is_told_with_its_time_and_that_it_is_not_to_be_started_again(seconds: float, told: str) -> None:
    now = START + timedelta(seconds=seconds)
    assert RUNNING.sentence(now) == (
        f"`atmos terraform apply vpc -s prod` is still running after {told}: it changes infrastructure and is left to "
        "finish. It must not be started again meanwhile."
    )
    assert not RUNNING.is_over


def test_process_and_locks_are_told_where_they_are_known() -> None:
    told = replace(RUNNING, pid=77, locks=("ID a", "ID b")).sentence(START)
    assert "after 0 s, process 77: it" in told
    assert told.endswith(" Locks: ID a; ID b.")


def test_a_finished_call_is_told_with_its_exit_code_and_its_last_words() -> None:
    assert FINISHED.sentence(START).endswith("ended with exit code 0 after 1 min 5 s.")
    assert FINISHED.is_over
    result = replace(FINISHED, output="Apply complete!").result(START)
    assert (result.success, result.error, result.reason, result.exit_code) == (True, "", "", 0)
    assert result.output.endswith("after 1 min 5 s.\nThe end of its output:\nApply complete!")


def test_a_failed_call_is_a_failed_result() -> None:
    result = replace(FINISHED, exit_code=1, end_time=None).result(START + timedelta(seconds=3))
    assert (result.success, result.reason, result.exit_code) == (False, "INTERRUPTED", 1)
    assert result.error == result.output
    assert "exit code 1 after 3 s" in result.error


def test_an_unknown_end_is_told_as_unknown() -> None:
    result = UNKNOWN.result(START)
    assert (result.success, result.exit_code) == (False, None)
    assert "It is not known what became of" in result.error
    assert UNKNOWN.is_over
