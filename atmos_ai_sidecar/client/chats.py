"""The messages of a turn, shared by both clients."""

import uuid
from typing import Any

from atmos_ai_sidecar.v1 import chat_service_pb2 as pb
from atmos_ai_sidecar.v1 import permission_service_pb2


def attach(session: str, *, interactive: bool) -> Any:
    """Opens a stream on the session of that name, which is created when it does not exist."""
    opened = pb.ChatRequest.Attach(session_name=session, interactive=interactive)
    return pb.ChatRequest(event_id=str(uuid.uuid4()), attach=opened)


def user_message(text: str) -> Any:
    """Starts a turn."""
    return pb.ChatRequest(event_id=str(uuid.uuid4()), user_message=pb.ChatRequest.UserMessage(text=text))


def answer(request: Any, option_id: str) -> Any:
    """The answer to a permission request, bound to what was shown."""
    return permission_service_pb2.ResolvePermissionRequestRequest(
        permission_request_id=request.permission_request_id, option_id=option_id, digest=request.digest
    )
