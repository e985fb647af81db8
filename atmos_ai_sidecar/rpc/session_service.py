"""SessionService: translate in, one call, translate out."""

from collections.abc import Sequence
from typing import Any, Final

from atmos_ai_sidecar.domain.messages import Message
from atmos_ai_sidecar.domain.sessions import ContextItem, SessionId
from atmos_ai_sidecar.errors import InvalidFieldError, InvalidPageTokenError, SessionNotFoundError
from atmos_ai_sidecar.rpc.convert import (
    checked_uuid,
    proto_context_item,
    proto_message,
    proto_session,
    role_from_proto,
    session_change,
)
from atmos_ai_sidecar.rpc.paging import MAX_PAGE_BYTES, MAX_PAGE_SIZE, page_cursor, page_limit, page_token
from atmos_ai_sidecar.rpc.whole_sessions import WholeSessions
from atmos_ai_sidecar.v1 import session_service_pb2 as pb

_BETWEEN: Final = "\x1f"
"""Between type and key of a context item in a cursor."""


class SessionService(WholeSessions):
    """Keeps conversations; see the contract for every method."""

    async def create_session(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        session = await workspace.sessions.create(
            name=request.name,
            model=request.model,
            provider=request.provider,
            metadata=dict(request.metadata),
            request_id=checked_uuid("request_id", request.request_id),
        )
        return pb.CreateSessionResponse(session=proto_session(session))

    async def get_session(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        session = await workspace.sessions.get(SessionId(request.session_id))
        return pb.GetSessionResponse(session=proto_session(session))

    async def get_session_by_name(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        session = await workspace.sessions.get_by_name(request.name)
        return pb.GetSessionByNameResponse(session=proto_session(session))

    async def list_sessions(self, request: Any, _context: object) -> Any:
        limit = page_limit(request.page_size)
        filters = ("sessions", str(request.include_archived))
        cursor = page_cursor(request.page_token, *filters)
        workspace = await self._workspace.get()
        page = await workspace.sessions.list(limit=limit, cursor=cursor, include_archived=request.include_archived)
        return pb.ListSessionsResponse(
            sessions=[proto_session(session) for session in page.sessions],
            next_page_token=page_token(page.next_cursor, *filters),
        )

    async def update_session(self, request: Any, _context: object) -> Any:
        change = session_change(request.session, list(request.update_mask.paths))
        workspace = await self._workspace.get()
        session = await workspace.sessions.update(
            SessionId(request.session.session_id), change, etag=request.session.etag
        )
        return pb.UpdateSessionResponse(session=proto_session(session))

    async def delete_session(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        try:
            await workspace.sessions.delete(SessionId(request.session_id))
        except SessionNotFoundError:
            if not request.allow_missing:
                raise
        return pb.DeleteSessionResponse()

    async def add_message(self, request: Any, _context: object) -> Any:
        role = role_from_proto(request.role)
        workspace = await self._workspace.get()
        message = await workspace.sessions.add_message(
            SessionId(request.session_id),
            role,
            request.content,
            request_id=checked_uuid("request_id", request.request_id),
        )
        return pb.AddMessageResponse(message=proto_message(message))

    async def list_messages(self, request: Any, _context: object) -> Any:
        size = page_limit(request.page_size)
        if not 0 <= request.limit <= MAX_PAGE_SIZE:
            raise InvalidFieldError("limit", f"is {request.limit}, must be 0 to {MAX_PAGE_SIZE}; 0 means all")
        filters = ("messages", request.session_id, str(request.limit))
        after = _message_id(page_cursor(request.page_token, *filters))
        sessions, session_id = (await self._workspace.get()).sessions, SessionId(request.session_id)
        if request.limit and not after:
            found = await sessions.messages(session_id, limit=request.limit)
            size = size if request.page_size else request.limit
            has_more = len(found) > size
            found = found[:size]
        else:
            page = await sessions.list_messages(session_id, after=after, limit=size)
            found, has_more = page.messages, bool(page.next_cursor)
        messages = _fitting(found)
        is_last = len(messages) == len(found) and not has_more
        return pb.ListMessagesResponse(
            messages=messages,
            next_page_token="" if is_last else page_token(str(messages[-1].message_id), *filters),
        )

    async def add_context_item(self, request: Any, _context: object) -> Any:
        item = ContextItem(
            context_type=request.item.context_type,
            context_key=request.item.context_key,
            context_value=request.item.context_value,
        )
        workspace = await self._workspace.get()
        stored = await workspace.sessions.set_context_item(SessionId(request.session_id), item)
        return pb.AddContextItemResponse(item=proto_context_item(stored))

    async def list_context_items(self, request: Any, _context: object) -> Any:
        limit = page_limit(request.page_size)
        filters = ("context items", request.session_id, request.context_type)
        after = tuple(page_cursor(request.page_token, *filters).split(_BETWEEN))
        workspace = await self._workspace.get()
        found = await workspace.sessions.list_context_items(SessionId(request.session_id), request.context_type)
        rest = [item for item in found if (item.context_type, item.context_key) > after]
        items = rest[:limit]
        cursor = f"{items[-1].context_type}{_BETWEEN}{items[-1].context_key}" if len(rest) > limit else ""
        return pb.ListContextItemsResponse(
            items=[proto_context_item(item) for item in items], next_page_token=page_token(cursor, *filters)
        )


def _message_id(cursor: str) -> int:
    try:
        return int(cursor or "0")
    except ValueError as error:
        raise InvalidPageTokenError from error


def _fitting(messages: Sequence[Message]) -> list[Any]:
    """The first of the messages, as many as fit into a page; at least one when there is one."""
    page: list[Any] = []
    size = 0
    for message in messages:
        converted = proto_message(message)
        size += converted.ByteSize()
        if page and size > MAX_PAGE_BYTES:
            break
        page.append(converted)
    return page
