from collections.abc import Sequence

from atmos_ai_sidecar.domain.left_calls import LeftCall


class FakeLeftPrograms:
    """The left calls that a test puts here."""

    def __init__(self, *calls: LeftCall) -> None:
        self.calls = {call.call_id: call for call in calls}
        self.ended: list[str] = []

    def list(self) -> Sequence[LeftCall]:
        return tuple(self.calls.values())

    def forget(self, call_id: str) -> None:
        self.calls.pop(call_id, None)

    def end(self, call_id: str) -> bool:
        self.ended.append(call_id)
        return call_id in self.calls
