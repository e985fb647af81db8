"""Turns a call that asks into a permission request, and knows whether the answer still holds."""

import dataclasses
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from atmos_ai_sidecar.application.approvals import EXPIRY, Approvals
from atmos_ai_sidecar.application.ports.approval_store import ApprovalStore
from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.grants import Grant, smallest_grant
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision, DecisionKind, PermissionSettings, decide
from atmos_ai_sidecar.domain.questions import options_for, question_lines, title_for
from atmos_ai_sidecar.domain.requests import PermissionRequest, canonical_json, digest
from atmos_ai_sidecar.domain.tools import Preview, Tool
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceApprover:
    """The application's Approver of one workspace."""

    approvals: Approvals
    store: ApprovalStore
    clock: Clock
    remember: Callable[[Grant], object]
    directory: str
    policy: Callable[[], PermissionSettings]
    """What decides besides remembered answers, as it is now."""
    surroundings: Callable[[Tool, Mapping[str, Any]], str]
    """Stands for all else that a call depends on, as it is now: configuration, directory, files and programs that it
    names, credentials."""

    async def ask(
        self,
        tool: Tool,
        call: ToolCall,
        decision: Decision,
        context: CallContext,
        preview: Preview | None = None,
    ) -> PermissionRequest:
        """Raises a permission request and returns it settled."""
        now = self.clock.now()
        if decision.can_remember and not self._would_hold(tool, call, context):
            decision = dataclasses.replace(decision, can_remember=False)
        options = options_for(tool, call, decision)
        stack = str(call.input.get(tool.stack_parameter, "")) if tool.stack_parameter else ""
        request = PermissionRequest(
            id=secrets.token_hex(16),
            session_id=context.session_id,
            turn_id=context.turn_id,
            tool_call_id=call.id,
            run_id=context.run_id,
            tool=tool.name,
            effect=tool.demand(call.input).effect,
            canonical_input=canonical_json(call.input),
            title=title_for(tool, call),
            stack=stack,
            lines=question_lines(tool, call, decision, preview),
            options=options,
            digest=self._digest(tool, call, context, preview),
            create_time=now,
            expire_time=now + EXPIRY,
        )
        grants = {
            option.id: dataclasses.replace(
                smallest_grant(tool, call.input, allow=option.answer.allows), from_session=context.session_id
            )
            for option in options
            if option.answer.is_remembered
        }
        return await self.approvals.ask(
            request, store=self.store, attendance=context.attendance, remember=self.remember, grants=grants
        )

    def holds(
        self,
        request: PermissionRequest,
        tool: Tool,
        call: ToolCall,
        context: CallContext,
        preview: Preview | None = None,
    ) -> bool:
        """Whether everything that the request was bound to is still the same."""
        is_same_call = request.tool_call_id == call.id and request.turn_id == context.turn_id
        return is_same_call and request.digest == self._digest(tool, call, context, preview)

    def _would_hold(self, tool: Tool, call: ToolCall, context: CallContext) -> bool:
        """Whether the smallest grant would let this very call through: what would not is never offered."""
        grant = smallest_grant(tool, call.input, allow=True)
        policy = dataclasses.replace(self.policy(), grants=(grant,))
        return decide(tool, call.input, policy, session_id=context.session_id).kind is DecisionKind.ALLOW

    def _digest(self, tool: Tool, call: ToolCall, context: CallContext, preview: Preview | None) -> str:
        return digest(
            tool.name,
            tool.description,
            canonical_json(tool.input_schema),
            canonical_json(call.input),
            self.directory,
            context.session_id,
            context.turn_id,
            repr(self.policy()),
            tool.demand(call.input).target,
            preview.binding if preview else "",
            self.surroundings(tool, call.input),
        )
