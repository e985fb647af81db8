import dataclasses
from collections.abc import Sequence

from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.errors import PermissionRequestNotFoundError


class FakeApprovalStore:
    """Permission requests in a dictionary."""

    def __init__(self) -> None:
        self.requests: dict[str, PermissionRequest] = {}
        self.owners: dict[str, str] = {}

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        self.requests[request.id] = request
        self.owners[request.id] = owner

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        request = await self.get_request(request_id)
        if request.outcome is None:
            request = dataclasses.replace(
                request,
                outcome=settlement.outcome,
                resolved_by=settlement.resolved_by,
                resolve_time=settlement.resolve_time,
                comment=settlement.comment,
            )
            self.requests[request_id] = request
        return request

    async def get_request(self, request_id: str) -> PermissionRequest:
        if request_id not in self.requests:
            raise PermissionRequestNotFoundError(request_id)
        return self.requests[request_id]

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        found = [request for request in self.requests.values() if session_id in {"", request.session_id}]
        return [request for request in found if not pending_only or request.outcome is None][:limit], ""

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        return [r for r in self.requests.values() if r.outcome is None and self.owners[r.id] == owner]
