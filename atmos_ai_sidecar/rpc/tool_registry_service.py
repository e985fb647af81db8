"""ToolRegistryService: what tools there are, and running one."""

import asyncio
import uuid
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from atmos_ai_sidecar.application.approvals import ApprovalEvent, Question
from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.application.validation import validate_input
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.errors import ToolExecutionDeniedError, UnattendedError
from atmos_ai_sidecar.rpc.convert import proto_output, proto_request, proto_tool, proto_tool_result
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.limits import within_event_limit
from atmos_ai_sidecar.rpc.output_queue import OutputQueue
from atmos_ai_sidecar.rpc.paging import page_cursor, page_limit, page_token
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.values import json_from_struct
from atmos_ai_sidecar.v1 import tool_registry_service_pb2 as pb

if TYPE_CHECKING:
    from atmos_ai_sidecar.domain.requests import PermissionRequest

_Questions: TypeAlias = "asyncio.Queue[PermissionRequest | None]"
"""None ends them."""


class ToolRegistryService:
    """Lists tools and runs them; see the contract for every method."""

    def __init__(self, parts: ServerParts, workspace: SharedWorkspace) -> None:
        self._parts = parts
        self._workspace = workspace

    async def list_tools(self, request: Any, _context: object) -> Any:
        limit = page_limit(request.page_size)
        after = page_cursor(request.page_token, "tools")
        tools = (await self._loaded()).tools.registry.list()
        first = bisect_right(tools, after, key=lambda tool: tool.name)
        page = tools[first : first + limit]
        cursor = page[-1].name if first + limit < len(tools) else ""
        return pb.ListToolsResponse(
            tools=[proto_tool(tool) for tool in page], next_page_token=page_token(cursor, "tools")
        )

    async def get_tool(self, request: Any, _context: object) -> Any:
        workspace = await self._loaded()
        return pb.GetToolResponse(tool=proto_tool(workspace.tools.registry.get(request.name)))

    async def execute_tool(self, request: Any, context: Context) -> None:
        values = json_from_struct(request.input, "input")
        workspace = await self._loaded()
        validate_input(workspace.tools.registry.get(request.name), values)
        if request.session_id:
            await workspace.sessions.get(SessionId(request.session_id))
        call = ToolCall(id=f"call_{uuid.uuid4().hex}", name=request.name, input=values)
        async with Sender(context) as sender:
            await self._execute(call, request.session_id, workspace, sender)

    async def _loaded(self) -> Workspace:
        """The workspace with the tools of all its sources."""
        workspace = await self._workspace.get()
        await workspace.tools.load()
        return workspace

    async def _execute(self, call: ToolCall, session_id: str, workspace: Workspace, sender: Sender) -> None:
        """Sends what happens while the call runs, and its result last.

        Raises:
            ToolExecutionDeniedError, UnattendedError: It may not run.
        """
        output = OutputQueue()
        with self._questions_of(call) as questions:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_send_questions(questions, sender))
                tasks.create_task(_send_output(output, sender))
                result = await workspace.tools.execute(
                    call,
                    context=CallContext(session_id=session_id, turn_id=""),
                    policy=workspace.permissions.pin(),
                    emit=output.put,
                )
                workspace.left_calls.told([call.id])
                output.close()
                questions.put_nowait(None)
        for refusal in (ToolExecutionDeniedError, UnattendedError):
            if result.result.reason == refusal.reason:
                raise refusal(result.result.error, tool=call.name)
        finished = pb.ExecuteToolResponse(result=proto_tool_result(result))
        await sender.send(within_event_limit(finished))

    @contextmanager
    def _questions_of(self, call: ToolCall) -> Iterator[_Questions]:
        """The questions that the call raises while the context lasts; looking at them answers nothing."""
        questions: _Questions = asyncio.Queue()

        def hear(event: ApprovalEvent) -> None:
            if isinstance(event, Question) and event.request.tool_call_id == call.id:
                questions.put_nowait(event.request)

        self._parts.approvals.add_listener(hear)
        try:
            yield questions
        finally:
            self._parts.approvals.remove_listener(hear)


async def _send_questions(questions: _Questions, sender: Sender) -> None:
    while (request := await questions.get()) is not None:
        question = within_event_limit(proto_request(request))
        await sender.send(pb.ExecuteToolResponse(permission_requested=question))


async def _send_output(output: OutputQueue, sender: Sender) -> None:
    while (piece := await output.take()) is not None:
        await sender.send(pb.ExecuteToolResponse(output=proto_output(piece)))
