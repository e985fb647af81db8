"""Tells the user and the model what became of calls that outlived their turn, without secrets."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace

from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.left_programs import LeftPrograms
from atmos_ai_sidecar.domain.events import Notice, NoticeKind
from atmos_ai_sidecar.domain.left_calls import LeftCall
from atmos_ai_sidecar.domain.messages import Block, ToolResult
from atmos_ai_sidecar.domain.tools import Result
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Results of calls, completed by what is on record."""

    blocks: Sequence[Block]
    notices: Sequence[Notice]


class LeftCalls:
    """The left calls of one project. Nothing of them is ever run again."""

    def __init__(self, programs: LeftPrograms, *, clock: Clock, redact: Callable[[str], str]) -> None:
        self._programs = programs
        self._clock = clock
        self._redact = redact

    def list(self) -> Sequence[LeftCall]:
        """All calls on record, the oldest first."""
        return tuple(self._clean(call) for call in self._programs.list())

    def sentence(self, call: LeftCall) -> str:
        """What became of a call by now."""
        return call.sentence(self._clock.now())

    def of_session(self, session_id: str) -> Sequence[LeftCall]:
        """The calls of a session in which no turn runs."""
        return tuple(call for call in self.list() if call.session_id == session_id)

    def result_of(self, call_id: str) -> Result | None:
        """What is known of a call whose result never came; None when nothing is."""
        found = next((call for call in self.list() if call.call_id == call_id), None)
        return None if found is None else found.result(self._clock.now())

    def completed(self, blocks: Sequence[Block], cut_off: Collection[str]) -> Completed:
        """The blocks with what is known of those of their calls that were cut off."""
        calls = {call.call_id: call for call in self.list() if call.call_id in cut_off}
        now = self._clock.now()
        return Completed(
            blocks=tuple(
                replace(block, result=calls[block.tool_call_id].result(now))
                if isinstance(block, ToolResult) and block.tool_call_id in calls
                else block
                for block in blocks
            ),
            notices=tuple(map(self.notice, calls.values())),
        )

    def told(self, call_ids: Iterable[str]) -> None:
        """Forgets those of the calls that are over: what became of them is stored where the model sees it."""
        wanted = set(call_ids)
        for call in self._programs.list():
            if call.is_over and call.call_id in wanted:
                self._programs.forget(call.call_id)

    def end(self, call_id: str) -> bool:
        """Ends a running call with force; False when it does not run. The risk is for the caller to name."""
        return self._programs.end(call_id)

    def notice(self, call: LeftCall) -> Notice:
        """What the user is told about a call."""
        return Notice(
            kind=NoticeKind.CALL_LEFT,
            message=self.sentence(call),
            metadata={"tool_call_id": call.call_id, "state": call.state.value},
        )

    def note(self, call: LeftCall) -> str:
        """What the model is told about a call, together with the user's next message."""
        return f"(From the assistant's own records, call {call.call_id}: {call.result(self._clock.now()).output})"

    def _clean(self, call: LeftCall) -> LeftCall:
        return replace(
            call,
            text=self._redact(call.text),
            output=self._redact(call.output),
            locks=tuple(self._redact(lock) for lock in call.locks),
        )
