"""SidecarService: who the sidecar is, tokens for clients, and its end."""

import os
from typing import Any, Final

from atmos_ai_sidecar.errors import InvalidFieldError
from atmos_ai_sidecar.handshake import PROTOCOL_VERSION
from atmos_ai_sidecar.rpc.auth import Tokens, caller_role
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.values import proto_text, proto_time
from atmos_ai_sidecar.v1 import sidecar_service_pb2 as pb

DEFAULT_GRACE_SECONDS: Final = 3.0
MAX_GRACE_SECONDS: Final = 4.0
"""The process has 5 s to end, and the last one is for closing stores."""


class SidecarService:
    """Speaks for the process; see the contract for every method."""

    def __init__(self, parts: ServerParts, tokens: Tokens, workspace: SharedWorkspace, departure: Departure) -> None:
        self._parts = parts
        self._tokens = tokens
        self._workspace = workspace
        self._departure = departure

    async def get_server_info(self, _request: Any, _context: object) -> Any:
        identity = self._parts.identity
        workspace = self._workspace.current
        return pb.GetServerInfoResponse(
            instance_id=identity.instance_id,
            process_id=os.getpid(),
            server_version=identity.server_version,
            protocol_version=PROTOCOL_VERSION,
            capabilities=sorted(identity.capabilities),
            start_time=proto_time(identity.start_time),
            project_path=proto_text(workspace.describe().project_path if workspace else identity.directory),
            role=caller_role.get().value,
        )

    async def mint_client_token(self, _request: Any, _context: object) -> Any:
        return pb.MintClientTokenResponse(token=self._tokens.mint_client())

    async def shutdown(self, request: Any, _context: object) -> Any:
        grace = DEFAULT_GRACE_SECONDS
        if request.HasField("grace"):
            grace = request.grace.seconds + request.grace.nanos / 1e9
        if grace < 0:
            raise InvalidFieldError("grace", "must not be negative")
        if request.only_when_idle:
            if self._departure.calls > 1 or self._parts.is_busy():  # this call is one of them
                return pb.ShutdownResponse(accepted=False)
            self._departure.begin()  # at once, so that no run begins in between
        self._parts.request_shutdown(min(grace, MAX_GRACE_SECONDS))
        return pb.ShutdownResponse(accepted=True)
