import dataclasses
from collections.abc import Sequence

from atmos_ai_sidecar.application.ports.approval_store import Settlement
from atmos_ai_sidecar.domain.requests import PermissionRequest
from atmos_ai_sidecar.errors import PermissionRequestNotFoundError


class FakeApprovalStore:
    """Permission requests in memory."""

    def __init__(self) -> None:
        self._requests: dict[str, PermissionRequest] = {}

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        self._requests[request.id] = request

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        request = await self.get_request(request_id)
        if request.outcome is None:
            request = dataclasses.replace(request, **dataclasses.asdict(settlement))
            self._requests[request_id] = request
        return request

    async def get_request(self, request_id: str) -> PermissionRequest:
        if request_id not in self._requests:
            raise PermissionRequestNotFoundError(request_id)
        return self._requests[request_id]

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        return tuple(self._requests.values())[:limit], ""

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        return [request for request in self._requests.values() if request.outcome is None]
