"""The messages of a turn, shared by both clients."""

import uuid
from typing import TYPE_CHECKING

from atmos_ai_sidecar.v1 import chat_service_pb2 as pb
from atmos_ai_sidecar.v1 import permission_service_pb2

if TYPE_CHECKING:
    from atmos_ai_sidecar.v1.permission_service_pb2 import PermissionRequest, ResolvePermissionRequestRequest

CANCEL_SECONDS = 5.0
"""How long the end of a turn that is cancelled is waited for; it takes half a second."""


def attach(session: str, *, interactive: bool = False, after: int | None = None) -> pb.ChatRequest:
    """Opens a stream on the session of that name, which is created when it does not exist."""
    opened = pb.ChatRequest.Attach(session_name=session, interactive=interactive, resume_after_seq=after)
    return pb.ChatRequest(event_id=str(uuid.uuid4()), attach=opened)


def user_message(text: str) -> pb.ChatRequest:
    """Starts a turn."""
    return pb.ChatRequest(event_id=str(uuid.uuid4()), user_message=pb.ChatRequest.UserMessage(text=text))


def detach(*, keep_running: bool = False) -> pb.ChatRequest:
    """Ends the stream; a running turn is cancelled first, unless it is to be kept."""
    return pb.ChatRequest(event_id=str(uuid.uuid4()), detach=pb.ChatRequest.Detach(keep_running=keep_running))


def answer(request: "PermissionRequest", option_id: str) -> "ResolvePermissionRequestRequest":
    """The answer to a permission request, bound to what was shown."""
    return permission_service_pb2.ResolvePermissionRequestRequest(
        permission_request_id=request.permission_request_id, option_id=option_id, digest=request.digest
    )
