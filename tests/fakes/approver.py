from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import Preview, Tool

ASKED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@dataclass
class FakeApprover:
    """Answers every question the same way and keeps what it was asked."""

    answer: Answer = Answer.ALLOW_ONCE
    comment: str = ""
    asked: list[tuple[Tool, ToolCall, Decision, CallContext]] = field(default_factory=list)
    previews: list[Preview | None] = field(default_factory=list)
    still_holds: bool = True
    meanwhile: Callable[[], None] | None = None
    """What happens while the question is open."""

    async def ask(
        self,
        tool: Tool,
        call: ToolCall,
        decision: Decision,
        context: CallContext,
        preview: Preview | None = None,
    ) -> PermissionRequest:
        self.asked.append((tool, call, decision, context))
        self.previews.append(preview)
        if self.meanwhile is not None:
            self.meanwhile()
        return PermissionRequest(
            id="request-1",
            session_id=context.session_id,
            turn_id=context.turn_id,
            tool_call_id=call.id,
            run_id=context.run_id,
            tool=tool.name,
            effect=tool.effect,
            canonical_input="{}",
            title=tool.name,
            stack="",
            lines=(),
            options=(),
            digest="",
            create_time=ASKED,
            expire_time=ASKED + timedelta(hours=1),
            outcome=self.answer,
            comment=self.comment,
            resolved_by="me",
        )

    def holds(
        self,
        request: PermissionRequest,
        tool: Tool,
        call: ToolCall,
        context: CallContext,
        preview: Preview | None = None,
    ) -> bool:
        return self.still_holds
