"""The part of SessionService that deals with whole sessions: cleaned, searched, exported and imported."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from atmos_ai_sidecar.application.archive import ExportFormat
from atmos_ai_sidecar.application.ports.checkpoint_text import MAX_FILE_BYTES
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import InvalidFieldError, MessageTooLargeError, UnsupportedEventError
from atmos_ai_sidecar.rpc.convert import checked_uuid, proto_search_hit, proto_session
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.paging import MAX_PAGE_BYTES, page_cursor, page_limit, page_token
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.streams import first_event, next_event
from atmos_ai_sidecar.v1 import session_service_pb2 as pb

PIECE_BYTES: Final = 256 * 1024
_FORMATS: Final = {
    pb.EXPORT_FORMAT_UNSPECIFIED: ExportFormat.JSON,
    pb.EXPORT_FORMAT_JSON: ExportFormat.JSON,
    pb.EXPORT_FORMAT_YAML: ExportFormat.YAML,
    pb.EXPORT_FORMAT_MARKDOWN: ExportFormat.MARKDOWN,
}


class WholeSessions:
    """Answers CleanSessions, SearchMessages, ExportSession and ImportSession; see the contract."""

    def __init__(self, clock: Clock, workspace: SharedWorkspace) -> None:
        self._clock = clock
        self._workspace = workspace

    async def clean_sessions(self, request: Any, _context: object) -> Any:
        age = _age(request)
        workspace = await self._workspace.get()
        removed = await workspace.archive.clean(age, dry_run=request.dry_run)
        return pb.CleanSessionsResponse(session_count=len(removed), sessions=_fitting(removed))

    async def search_messages(self, request: Any, _context: object) -> Any:
        limit = page_limit(request.page_size)
        filters = ("search", request.query)
        cursor = page_cursor(request.page_token, *filters)
        workspace = await self._workspace.get()
        page = await workspace.archive.search(request.query, limit=limit, cursor=cursor)
        return pb.SearchMessagesResponse(
            hits=[proto_search_hit(hit) for hit in page.hits], next_page_token=page_token(page.next_cursor, *filters)
        )

    async def export_session(self, request: Any, context: Context) -> None:
        if request.format not in _FORMATS:
            raise InvalidFieldError("format", "is not known")
        workspace = await self._workspace.get()
        text = await workspace.archive.export(SessionId(request.session_id), _FORMATS[request.format])
        # Halves of surrogate pairs are escaped in JSON and YAML; in Markdown they become question marks.
        content = text.encode("utf-8", "replace")
        async with Sender(context) as sender:
            for start in range(0, len(content), PIECE_BYTES):
                await sender.send(pb.ExportSessionResponse(content=content[start : start + PIECE_BYTES]))

    async def import_session(self, _requests: object, context: Context) -> Any:
        start = (await first_event(context, self._clock, "start")).start
        request_id = checked_uuid("start.request_id", start.request_id)
        content = await _content(context)
        workspace = await self._workspace.get()
        imported = await workspace.archive.import_file(
            content, name=start.name, overwrite=start.overwrite, request_id=request_id
        )
        return pb.ImportSessionResponse(
            session=proto_session(imported.session), skipped_message_count=imported.skipped_messages
        )


def _age(request: Any) -> timedelta:
    if not request.HasField("older_than"):
        raise InvalidFieldError("older_than", "must be given")
    try:
        age: timedelta = request.older_than.ToTimedelta()
    except (ValueError, OverflowError) as error:
        raise InvalidFieldError("older_than", "is no duration") from error
    return age


async def _content(context: Context) -> bytes:
    """The file that comes in pieces.

    Raises:
        UnsupportedEventError: Something else came.
        MessageTooLargeError: It is too long.
    """
    content = bytearray()
    while (request := await next_event(context)) is not None:
        kind = request.WhichOneof("event")
        if kind != "content":
            raise UnsupportedEventError(kind or "unknown")
        content += request.content
        if len(content) > MAX_FILE_BYTES:
            raise MessageTooLargeError(
                f"The file has more than {MAX_FILE_BYTES} bytes, which is the limit.",
                remedy="Nothing was imported.",
                limit=str(MAX_FILE_BYTES),
            )
    return bytes(content)


def _fitting(sessions: Sequence[Session]) -> list[Any]:
    """The first of the sessions, as many as fit into a page."""
    page: list[Any] = []
    size = 0
    for session in sessions:
        converted = proto_session(session)
        size += converted.ByteSize()
        if size > MAX_PAGE_BYTES:
            break
        page.append(converted)
    return page
