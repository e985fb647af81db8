"""A client of our own: questions of other sidecars of this user, and answers to them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import grpc
from grpc import aio

from atmos_ai_sidecar.domain.questions import sanitised
from atmos_ai_sidecar.domain.requests import Answer, Option
from atmos_ai_sidecar.errors import StorageUnavailableError
from atmos_ai_sidecar.lazy_dataclasses import dataclass
from atmos_ai_sidecar.v1 import permission_service_pb2 as pb
from atmos_ai_sidecar.v1.permission_service_pb2_grpc import PermissionServiceStub

TIMEOUT_SECONDS: Final = 5.0
_NOT_OURS: Final = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.DEADLINE_EXCEEDED}
"""Nobody listens on the socket any more, or its sidecar does not know the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteQuestion:
    """A question of a sidecar that can be reached."""

    id: str
    lines: Sequence[str]
    """Sanitised, ready to print."""
    options: Sequence[Option]
    digest: str
    stub: Any
    metadata: Sequence[tuple[str, str]]

    async def answer(self, option_id: str, comment: str) -> str:
        """Answers it, and returns how it was settled.

        Raises:
            StorageUnavailableError: The answer did not count; the error says why.
        """
        request = pb.ResolvePermissionRequestRequest(
            permission_request_id=self.id, option_id=option_id, digest=self.digest, comment=comment
        )
        try:
            answered = await self.stub.ResolvePermissionRequest(
                request, metadata=self.metadata, timeout=TIMEOUT_SECONDS
            )
        except aio.AioRpcError as error:
            raise _refused(error) from error
        return str(pb.Answer.Name(answered.permission_request.outcome)).removeprefix("ANSWER_").lower()


@asynccontextmanager
async def remote_questions(tokens: Mapping[str, str]) -> AsyncIterator[Sequence[RemoteQuestion]]:
    """The open questions of the sidecars that know the token; they can be answered within the context.

    Args:
        tokens: By socket.

    Raises:
        StorageUnavailableError: A sidecar refused for another reason than its token; the error says why.
    """
    found: list[RemoteQuestion] = []
    async with AsyncExitStack() as stack:
        for path, token in tokens.items():
            metadata = (("authorization", f"Bearer {token}"),)
            channel = await stack.enter_async_context(aio.insecure_channel(f"unix:{path}"))
            found += await _questions_of(PermissionServiceStub(channel), metadata)
        yield found


async def _questions_of(stub: Any, metadata: Sequence[tuple[str, str]]) -> Sequence[RemoteQuestion]:
    found: list[RemoteQuestion] = []
    page_token = ""
    while True:
        request = pb.ListPermissionRequestsRequest(pending_only=True, page_token=page_token)
        try:
            page = await stub.ListPermissionRequests(request, metadata=metadata, timeout=TIMEOUT_SECONDS)
        except aio.AioRpcError as error:
            if error.code() in _NOT_OURS:
                return found
            raise _refused(error) from error
        found += [_question(one, stub, metadata) for one in page.permission_requests]
        page_token = page.next_page_token
        if not page_token:
            return found


def _question(request: Any, stub: Any, metadata: Sequence[tuple[str, str]]) -> RemoteQuestion:
    return RemoteQuestion(
        id=request.permission_request_id,
        lines=tuple(request.lines),
        options=tuple(
            Option(
                id=option.option_id,
                label=option.label,
                key=option.key,
                answer=Answer(pb.Answer.Name(option.answer).removeprefix("ANSWER_").lower()),
                rule_preview=option.rule_preview,
            )
            for option in request.options
        ),
        digest=request.digest,
        stub=stub,
        metadata=metadata,
    )


def _refused(error: aio.AioRpcError) -> StorageUnavailableError:
    return StorageUnavailableError(
        f"The sidecar refused: {sanitised(error.details() or error.code().name, limit=400)}",
        remedy="An answer needs the owner's token, and a question that is still open.",
    )
