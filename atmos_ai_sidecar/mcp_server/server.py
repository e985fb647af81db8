"""The tools of a workspace as an MCP server: list them, and call them past our permissions."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import mcp_types
from mcp.server import Server, ServerRequestContext

from atmos_ai_sidecar.application.approvals import Approvals
from atmos_ai_sidecar.application.ports.approver import CallContext
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.tools import Effect, OutputPiece, Result, Tool
from atmos_ai_sidecar.errors import ToolNotFoundError, UnattendedError
from atmos_ai_sidecar.mcp_server.failures import telling
from atmos_ai_sidecar.mcp_server.questions import answer_by_elicitation, how_to_allow, why_not_elicited

_INSTRUCTIONS = (
    "The tools of an Atmos project. Calls that change or run something need a permission of the project's user; a "
    "call that is refused says how it can be allowed, and is not to be repeated before that."
)
_NOT_OFFERED = frozenset({"read_tool_output"})
"""It reads what a session keeps, and here is no session."""
_PROGRESS_CHARACTERS = 500

Context = ServerRequestContext[Any]


def tool_server(workspace: Workspace, approvals: Approvals, *, version: str) -> Server[Any]:
    """An MCP server for one client of a workspace."""

    async def list_tools(
        _context: Context, _params: mcp_types.PaginatedRequestParams | None
    ) -> mcp_types.ListToolsResult:
        with telling():
            await workspace.tools.load()
            offered = workspace.tools.offered(workspace.permissions.pin())
        return mcp_types.ListToolsResult(tools=[_described(tool) for tool in offered if tool.name not in _NOT_OFFERED])

    async def call_tool(context: Context, params: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        with telling():
            await workspace.tools.load()
            tool = _found(workspace, params.name)
            return _answer(await _execute(workspace, approvals, context, tool, params.arguments or {}))

    return Server(
        "atmos-ai",
        version=version,
        title="Atmos AI",
        instructions=_INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _found(workspace: Workspace, name: str) -> Tool:
    if name in _NOT_OFFERED:
        raise ToolNotFoundError(name)
    return workspace.tools.registry.get(name)


async def _execute(
    workspace: Workspace, approvals: Approvals, context: Context, tool: Tool, values: Mapping[str, Any]
) -> Result:
    """Runs a call as a turn would; its questions go to the client, if it can be asked at all."""
    policy = workspace.permissions.pin()
    why_not = why_not_elicited(tool, values, policy, context.session)
    run_id = f"mcp_{uuid.uuid4().hex}"
    async with _progress(context) as emit, asyncio.TaskGroup() as tasks:
        asking = None
        if not why_not:
            asking = tasks.create_task(answer_by_elicitation(approvals, run_id, context.session))
            await asyncio.sleep(0)  # so that it is attached before the first question
        outcome = await workspace.tools.execute(
            ToolCall(id=f"call_{uuid.uuid4().hex}", name=tool.name, input=dict(values)),
            context=CallContext(session_id="", turn_id="", run_id=run_id),
            policy=policy,
            emit=emit,
        )
        if asking is not None:
            asking.cancel()
    result = outcome.result
    if result.reason != UnattendedError.reason:
        return result
    return Result(
        success=False,
        output=f"{tool.name} was not run: it needs the user's approval, and {why_not}. "
        + how_to_allow(workspace.permissions, tool, values),
        error=result.error,
        reason=result.reason,
    )


@asynccontextmanager
async def _progress(context: Context) -> "AsyncGenerator[Any, None]":
    """An ``emit`` that tells a client that wants to know what a tool prints."""
    pieces: asyncio.Queue[OutputPiece | None] = asyncio.Queue()

    async def tell() -> None:
        number = 0
        while (piece := await pieces.get()) is not None:
            number += 1
            await context.session.report_progress(number, message=piece.text.strip()[-_PROGRESS_CHARACTERS:])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(tell())
        yield pieces.put_nowait
        pieces.put_nowait(None)


def _described(tool: Tool) -> mcp_types.Tool:
    return mcp_types.Tool(
        name=tool.name,
        description=tool.description,
        input_schema=tool.input_schema,
        annotations=mcp_types.ToolAnnotations(
            read_only_hint=tool.effect is Effect.READ,
            destructive_hint=tool.effect is not Effect.READ,
            open_world_hint=tool.effect in {Effect.EXECUTE, Effect.NETWORK},  # a program may talk to anybody
        ),
    )


def _answer(result: Result) -> mcp_types.CallToolResult:
    text = result.output or result.error or ("Done." if result.success else "Failed.")
    return mcp_types.CallToolResult(
        content=[mcp_types.TextContent(type="text", text=text)],
        structured_content=result.data if isinstance(result.data, dict) else None,
        is_error=not result.success,
    )
