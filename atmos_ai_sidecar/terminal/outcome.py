"""What came of one prompt: its exit code, and the object that programs read."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from functools import reduce
from operator import add
from typing import Any

from atmos_ai_sidecar.domain.events import StopReason
from atmos_ai_sidecar.domain.messages import Usage
from atmos_ai_sidecar.domain.sessions import Session
from atmos_ai_sidecar.errors import SidecarError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.terminal import exit_codes
from atmos_ai_sidecar.terminal.one_turn import CallRecord, TurnRecord
from atmos_ai_sidecar.terminal.render.ends import end_text

_REASONS = {StopReason.MAX_STEPS: "BUDGET_EXHAUSTED", StopReason.BUDGET: "BUDGET_EXHAUSTED"}
_OUTPUT_INVALID = "OUTPUT_INVALID"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One prompt and everything that happened, also when nothing could start."""

    model: str = ""
    """The model that was asked for."""
    provider: str = ""
    tools_enabled: bool = True
    session: Session | None = None
    records: list[TurnRecord] = field(default_factory=list)
    """One turn, and one more where the answer had to be repaired."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """What asks for approval, by the id of the call."""
    remarks: list[tuple[str, str]] = field(default_factory=list)
    """Kind and words of what a person should know beside the answer."""
    error: SidecarError | None = None
    signal: str = ""
    has_schema: bool = False
    output: Any = None
    """The value of the answer, where it had to be JSON and is."""
    has_output: bool = False
    output_problem: str = ""

    @property
    def last(self) -> TurnRecord:
        """The turn whose answer counts."""
        return self.records[-1] if self.records else TurnRecord()

    @property
    def calls(self) -> Sequence[CallRecord]:
        return [call for record in self.records for call in record.calls.values()]

    @property
    def waiting(self) -> Sequence[CallRecord]:
        """The calls that need approval."""
        return [call for call in self.calls if call.needs_approval]

    @property
    def usage(self) -> Usage:
        return reduce(add, (record.finished.usage for record in self.records if record.finished), Usage())

    @property
    def exit_code(self) -> int:
        """One list for all commands: a signal beats a failure, a failure a call that was not allowed."""
        if self.signal:
            return exit_codes.of_signal(self.signal)
        if self.error is not None:
            return exit_codes.of_error(self.error)
        code = exit_codes.of_stop_reason(self.last.stop_reason)
        if code:
            return code
        if self.waiting:
            return exit_codes.NEEDS_APPROVAL
        if any(call.is_denied_by_policy for call in self.calls):
            return exit_codes.DENIED
        return exit_codes.ERROR if self.output_problem else exit_codes.DONE

    def values(self, *, duration_ms: int, timestamp: str) -> dict[str, Any]:
        """The object; docs/exec-output.schema.json describes it."""
        finished = self.last.finished
        values = {
            "type": "result",
            "success": self.exit_code == exit_codes.DONE,
            "response": self.last.text,
            "tool_calls": [call_values(call) for call in self.calls],
            "tokens": token_values(self.usage),
            "metadata": {
                "model": self.last.model or self.model or (self.session.model if self.session else ""),
                "provider": self.provider,
                "session_id": self.session.id if self.session else "",
                "session": self.session.name if self.session else "",
                "duration_ms": duration_ms,
                "timestamp": timestamp,
                "tools_enabled": self.tools_enabled,
                "stop_reason": finished.stop_reason.value if finished else "",
                "exit_code": self.exit_code,
                "cost_usd": self.usage.known_cost_usd if finished else None,
            },
            "notices": [{"kind": kind, "message": message} for kind, message in self._notices()],
            "error": self._error(),
            "approvals_needed": [
                {"tool": call.call.name, "args": dict(call.call.input), "rule": self.rules.get(call.call.id, "")}
                for call in self.waiting
            ],
        }
        return {**values, "output": self.output} if self.has_schema else values

    def _notices(self) -> Sequence[tuple[str, str]]:
        told = [(notice.kind.value, notice.message) for record in self.records for notice in record.notices]
        return [*self.remarks, *told]

    def _error(self) -> dict[str, str] | None:
        code, finished = self.exit_code, self.last.finished
        if self.error is not None:
            return {"message": str(self.error), "type": self.error.reason}
        if code == exit_codes.NEEDS_APPROVAL:
            return {"message": "Some calls need approval and were not run.", "type": "UNATTENDED"}
        if code == exit_codes.DENIED:
            return {"message": "Some calls were denied by policy.", "type": "TOOL_EXECUTION_DENIED"}
        if code == exit_codes.DONE:
            return None
        if finished is None or (self.signal and finished.stop_reason is StopReason.END_TURN):
            return {"message": f"The command was ended by SIG{self.signal or 'TERM'}.", "type": "CANCELLED"}
        if finished.stop_reason is StopReason.END_TURN:
            return {"message": self.output_problem, "type": _OUTPUT_INVALID}
        reason = finished.reason or _REASONS.get(finished.stop_reason, finished.stop_reason.value.upper())
        return {"message": end_text(finished), "type": reason}


def call_values(record: CallRecord) -> dict[str, Any]:
    """A tool call with its result, as programs read it."""
    return {"tool": record.call.name, "args": dict(record.call.input), **result_values(record)}


def result_values(record: CallRecord) -> dict[str, Any]:
    """What a tool call came to."""
    result = record.result
    return {
        "duration_ms": round(result.duration_seconds * 1000) if result else 0,
        "success": bool(result and result.success),
        "result": (result.data if result.data is not None else result.output) if result else None,
        "error": result.error if result else "The call did not finish.",
    }


def token_values(usage: Usage) -> dict[str, int]:
    """Tokens as programs read them."""
    return {
        "prompt": usage.prompt_tokens,
        "completion": usage.output_tokens,
        "total": usage.total_tokens,
        "cached": usage.cache_read_input_tokens,
        "cache_creation": usage.cache_creation_input_tokens,
        "cache_misses": usage.cache_misses,
    }
