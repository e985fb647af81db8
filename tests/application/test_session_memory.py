"""What a process knows of sessions beside what is stored is bounded."""

from atmos_ai_sidecar.application.turns import MAX_MEMORIES, Turns
from atmos_ai_sidecar.domain.sessions import SessionId


def test_of_very_many_sessions_those_used_last_are_remembered() -> None:
    turns = Turns()
    first, used = turns.memory(SessionId("first")), turns.memory(SessionId("used"))
    for number in range(MAX_MEMORIES - 1):
        turns.memory(SessionId(str(number)))
        assert turns.memory(SessionId("used")) is used
    assert turns.memory(SessionId("first")) is not first
