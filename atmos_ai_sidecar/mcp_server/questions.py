"""Permission questions to the client of an MCP server.

What comes back was said by a program: nobody can tell whether a person saw the question. So it allows once at most,
never what is restricted or may destroy, and the answer is recorded as unverified.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any

import mcp_types
from mcp.server.session import ServerSession
from mcp.shared.exceptions import MCPError

from atmos_ai_sidecar.application.approvals import Approvals, Question
from atmos_ai_sidecar.application.permissions import Permissions
from atmos_ai_sidecar.domain.permissions import PermissionSettings
from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.domain.tools import Tool
from atmos_ai_sidecar.errors import SidecarError

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "allow": {"type": "boolean", "title": "Run it this once", "description": "Only this call.", "default": False}
    },
    "required": ["allow"],
}

_LONGEST_COMMAND = 500
"""Characters that a person can be told to type."""


def why_not_elicited(tool: Tool, values: Mapping[str, Any], policy: PermissionSettings, session: ServerSession) -> str:
    """Why the client is not asked about this call; empty when it is, should a question come up."""
    if tool.restricted or any(entry.matches(tool.name) for entry in policy.restricted):
        return "a restricted tool cannot be allowed by way of an MCP client"
    command_class = tool.demand(values).command_class
    if command_class is not None and not command_class.can_remember:
        return f"a command of the class {command_class} cannot be allowed by way of an MCP client"
    capabilities = session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    if elicitation is None or (elicitation.form is None and elicitation.url is not None):
        return "this MCP client cannot ask its user (it has no elicitation)"
    if not session.can_send_request:
        return "this MCP client cannot be asked on this connection"
    return ""


def how_to_allow(permissions: Permissions, tool: Tool, values: Mapping[str, Any]) -> str:
    """What the user can do about a call that was refused; a command that is told would let this very call through."""
    try:
        permissions.grant_for(tool.name, values, allow=True)
    except SidecarError:
        return "Such calls ask each time: the user can have it run in `atmos-ai chat`, and is asked there."
    words = ["atmos-ai", "permissions", "add", tool.name, "--input", json.dumps(values)]
    command = shlex.join(words)
    if len(command) > _LONGEST_COMMAND:
        return "The user can have it run in `atmos-ai chat` and answer with always there; after that it runs here too."
    return f"The user can allow it with `{command}` in the project's folder; after that it runs here too."


async def answer_by_elicitation(approvals: Approvals, run_id: str, session: ServerSession) -> None:
    """Puts the questions of one call to the client, until it is cancelled."""
    with approvals.attach("MCP client", run_id=run_id) as prompter:
        async for event in prompter:
            if isinstance(event, Question):
                await _ask(event.request, approvals, session)


async def _ask(request: PermissionRequest, approvals: Approvals, session: ServerSession) -> None:
    try:
        reply = await session.elicit_form("\n".join(request.lines), _SCHEMA)
        is_allowed = reply.action == "accept" and (reply.content or {}).get("allow") is True
        comment = "" if is_allowed else _why_rejected(reply.action)
    except MCPError as error:
        is_allowed, comment = False, f"The MCP client could not ask: {sanitised(error.message)}"
    answer = Answer.ALLOW_ONCE if is_allowed else Answer.REJECT_ONCE
    option = next(option for option in request.options if option.answer is answer)
    try:
        await approvals.answer(
            request.id, option.id, shown_digest=request.digest, comment=comment, resolved_by=_name_of(session)
        )
    except SidecarError:
        return  # it was settled by somebody else, and the call knows how


def _why_rejected(action: str) -> str:
    if action == "accept":
        title = _SCHEMA["properties"]["allow"]["title"]
        return f"The MCP client sent the form without the choice {title!r}."
    return f"The MCP client answered: {action}."


def _name_of(session: ServerSession) -> str:
    client = (
        session.client_params.client_info if session.client_params else mcp_types.Implementation(name="", version="")
    )
    return f"MCP client {sanitised(client.name, limit=60)} (unverified)"
