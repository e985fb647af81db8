"""The gate in front of every call: decide, ask if need be, look again, and write down what was decided.

Guarantees: no call passes that was not decided and, where it is more than reading, written down; an answer holds for
what was shown, so what has changed while the question was open has to be asked again.
"""

import dataclasses
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from atmos_ai_sidecar.domain.audit import AuditEntry, Outcome
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, PermissionSettings, Rule, decide
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import Demand, Effect, Preview, Result, Tool
from atmos_ai_sidecar.errors import SidecarError, ToolExecutionDeniedError, UnattendedError
from atmos_ai_sidecar.lazy_dataclasses import dataclass

if TYPE_CHECKING:
    from atmos_ai_sidecar.application.audit import Audit
    from atmos_ai_sidecar.application.grants import Grants
    from atmos_ai_sidecar.application.ports.approver import Approver, CallContext
    from atmos_ai_sidecar.application.ports.clock import Clock

_LOG = logging.getLogger(__name__)

Look = Callable[[Tool, ToolCall, "CallContext"], Awaitable[Preview | None]]
"""What a call would change, without secrets; None for a tool that does not tell."""


@dataclass(slots=True, kw_only=True)
class Passage:
    """A call that passed; who runs it puts its result in."""

    entry: AuditEntry | None
    start: float
    result: Result | None = None


@dataclass(slots=True, kw_only=True)
class _Case:
    """A call, and how far it has been decided."""

    tool: Tool
    call: ToolCall
    demand: Demand
    context: "CallContext"
    decision: Decision
    start: float
    request: PermissionRequest | None = None


class Gate:
    """Decides about the calls of one workspace."""

    def __init__(
        self, *, approver: "Approver", clock: "Clock", look: Look, audit: "Audit | None", grants: "Grants | None"
    ) -> None:
        """Wires the gate.

        Args:
            approver: Asks a person.
            clock: Measures how long a decision took.
            look: Works out what a call would change.
            audit: Where decisions are written down; None: nowhere.
            grants: Whose uses are counted, and which expire; None: they are taken as they are.
        """
        self._approver = approver
        self._clock = clock
        self._look = look
        self._audit = audit
        self._grants = grants

    @asynccontextmanager
    async def passing(
        self, tool: Tool, call: ToolCall, demand: Demand, context: "CallContext", policy: PermissionSettings
    ) -> AsyncIterator[Passage]:
        """A context in which the call may run; how it ended is written down when it is left.

        Raises (on entering):
            ToolExecutionDeniedError, UnattendedError: It may not.
            StorageCorruptError and its kin: It may do more than read, and what was decided cannot be written down.
        """
        passage = await self._permit(tool, call, demand, context, policy)
        outcome = Outcome.CANCELLED
        try:
            yield passage
            outcome = Outcome.SUCCEEDED if passage.result and passage.result.success else Outcome.FAILED
        except SidecarError:
            outcome = Outcome.FAILED
            raise
        finally:
            await self._close(passage, outcome)

    async def turn_away(self, call: ToolCall, context: "CallContext", error: SidecarError) -> None:
        """Writes down that nothing was decided about a call, because of the error. What cannot be written is logged."""
        if self._audit is None:
            return
        entry = self._audit.invalid(call, error.message, session_id=context.session_id, turn_id=context.turn_id)
        try:
            await self._audit.write(entry)
        except SidecarError as problem:
            _LOG.warning("a call that is not valid was not written to the audit trail: %s", problem)

    async def _permit(
        self, tool: Tool, call: ToolCall, demand: Demand, context: "CallContext", policy: PermissionSettings
    ) -> Passage:
        start = self._clock.monotonic()
        decision = await self._decide(tool, call, context, policy)
        case = _Case(tool=tool, call=call, demand=demand, context=context, decision=decision, start=start)
        try:
            refusal = await self._refusal(case)
        except SidecarError as error:
            refusal = error
        except BaseException:
            await self._write(case, Outcome.CANCELLED)
            raise
        entry = await self._write(case, Outcome.REFUSED if refusal else Outcome.STARTED)
        if refusal is not None:
            raise refusal
        return Passage(entry=entry, start=self._clock.monotonic())

    async def _close(self, passage: Passage, outcome: Outcome) -> None:
        """Writes down how a call ended that passed. What cannot be written is logged."""
        if self._audit is None or passage.entry is None:
            return
        try:
            await self._audit.write(self._audit.ended(passage.entry, outcome, self._since(passage.start)))
        except SidecarError as error:
            _LOG.warning("the end of a call of %s was not written to the audit trail: %s", passage.entry.tool, error)

    async def _decide(self, tool: Tool, call: ToolCall, context: "CallContext", policy: PermissionSettings) -> Decision:
        if self._grants is None:
            return decide(tool, call.input, policy, session_id=context.session_id)
        policy = dataclasses.replace(policy, grants=self._grants.since(policy.grants))
        decision = decide(tool, call.input, policy, session_id=context.session_id)
        await self._grants.count(decision, policy.grants, context.session_id)
        return decision

    async def _refusal(self, case: _Case) -> SidecarError | None:
        """Why the call may not run, after asking if need be; None when it may."""
        tool, call, context = case.tool, case.call, case.context
        if case.decision.kind is DecisionKind.ALLOW:
            return None
        if case.decision.kind is DecisionKind.DENY:
            return _denied(tool, case.decision)
        preview = await self._look(tool, call, context)
        case.request = request = await self._approver.ask(tool, call, case.decision, context, preview)
        if request.outcome is None or not request.outcome.allows:
            return _rejected(tool, case.decision, request)
        is_same = tool.demand(call.input) == case.demand and await self._look(tool, call, context) == preview
        return None if is_same and self._approver.holds(request, tool, call, context, preview) else _outdated(tool)

    async def _write(self, case: _Case, outcome: Outcome) -> AuditEntry | None:
        """Writes the decision down, and returns what was written."""
        if self._audit is None:
            return None
        entry = self._audit.entry(
            case.call,
            case.decision,
            session_id=case.context.session_id,
            turn_id=case.context.turn_id,
            answered_by=_answered(case.request),
            latency_ms=self._since(case.start),
            outcome=outcome,
        )
        try:
            await self._audit.write(entry)
        except SidecarError as error:
            if outcome is Outcome.STARTED and case.demand.effect is not Effect.READ:
                raise
            _LOG.warning("a decision about %s was not written to the audit trail: %s", case.call.name, error)
            return None
        return entry

    def _since(self, start: float) -> int:
        return round((self._clock.monotonic() - start) * 1000)


def _answered(request: PermissionRequest | None) -> str:
    if request is None or request.outcome is None:
        return ""
    return f"{request.resolved_by}: {request.outcome.value}"


def _denied(tool: Tool, decision: Decision) -> ToolExecutionDeniedError:
    return ToolExecutionDeniedError(
        f"{tool.name} was denied: {decision.reason} (rule: {_where(decision.rule)}).",
        remedy="Do not retry; go on without it or tell the user what is needed.",
        tool=tool.name,
        rule=decision.rule.text,
    )


def _outdated(tool: Tool) -> ToolExecutionDeniedError:
    return ToolExecutionDeniedError(
        f"{tool.name} was not run: what it would change is not what the user was asked about any more.",
        remedy="Look at it again, and repeat the call if it is still right.",
        tool=tool.name,
    )


def _rejected(tool: Tool, decision: Decision, request: PermissionRequest) -> SidecarError:
    if request.outcome is Answer.UNATTENDED:
        return UnattendedError(
            f"{tool.name} was denied: it needs approval ({decision.reason}; rule: {_where(decision.rule)}), and "
            "nobody is there to give it.",
            remedy="Do not retry; tell the user which call needs approval.",
            tool=tool.name,
            rule=decision.rule.text,
        )
    happened = _REJECTIONS.get(request.outcome or Answer.CANCELLED, "the user rejected the call")
    comment = f" The user says: {request.comment}" if request.comment else ""
    return ToolExecutionDeniedError(
        f"{tool.name} was denied: {happened}.{comment}",
        remedy="" if comment else "Do not retry the same call; ask the user how to go on.",
        tool=tool.name,
        rule=decision.rule.text,
    )


_REJECTIONS = {
    Answer.EXPIRED: "nobody answered the question in time",
    Answer.CANCELLED: "the question was cancelled",
    Answer.REJECT_ALWAYS: "the user rejected this call, now and in future",
}


def _where(rule: Rule) -> str:
    return f"{rule.text} at {rule.file}:{rule.line}" if rule.file else rule.text
