from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from atmos_ai_sidecar.domain.requests import Answer, PermissionRequest
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How a request was settled."""

    outcome: Answer
    resolved_by: str
    resolve_time: datetime
    comment: str = ""


class ApprovalStore(Protocol):
    """Keeps permission requests. The first settlement wins, also between processes."""

    async def add_request(self, request: PermissionRequest, *, owner: str) -> None:
        """Stores a pending request of the sidecar instance ``owner``."""

    async def settle_request(self, request_id: str, settlement: Settlement) -> PermissionRequest:
        """Settles a pending request, or leaves a settled one as it is, and returns it as it is now.

        Raises:
            PermissionRequestNotFoundError: There is no such request.
        """

    async def get_request(self, request_id: str) -> PermissionRequest:
        """The request of that id.

        Raises:
            PermissionRequestNotFoundError: There is none.
        """

    async def list_requests(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        """One page of requests, newest first, and the cursor of the next; an empty cursor ends the list."""

    async def pending_of_owner(self, owner: str) -> Sequence[PermissionRequest]:
        """Requests of one sidecar instance that nobody has settled."""
