import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from grpc import StatusCode, aio

from atmos_ai_sidecar.rpc import whole_sessions
from atmos_ai_sidecar.v1 import message_pb2
from atmos_ai_sidecar.v1 import session_service_pb2 as pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from tests.rpc.world import OWNER, World, error_info

DAY = Duration(seconds=86_400)


class Sessions:
    """Calls with the owner's token."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = SessionServiceStub(channel)

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=OWNER, timeout=20)

    async def with_message(self, name: str, *texts: str) -> Any:
        session = (await self.call("CreateSession", pb.CreateSessionRequest(name=name))).session
        for text in texts:
            await self.call(
                "AddMessage",
                pb.AddMessageRequest(session_id=session.session_id, role=message_pb2.ROLE_USER, content=text),
            )
        return session

    async def names(self) -> list[str]:
        return [session.name for session in (await self.call("ListSessions", pb.ListSessionsRequest())).sessions]

    async def export(self, session_id: str, form: Any = pb.EXPORT_FORMAT_UNSPECIFIED) -> list[bytes]:
        request = pb.ExportSessionRequest(session_id=session_id, format=form)
        stream: Any = self._stub.ExportSession(request, metadata=OWNER, timeout=20)
        return [piece.content async for piece in stream]

    async def import_(self, pieces: Iterable[bytes], **start: Any) -> Any:
        async def requests() -> AsyncIterator[Any]:
            yield pb.ImportSessionRequest(start=pb.ImportSessionRequest.Start(**start))
            for piece in pieces:
                yield pb.ImportSessionRequest(content=piece)

        return await self.send(requests())

    async def send(self, requests: Any) -> Any:
        return await self._stub.ImportSession(requests, metadata=OWNER, timeout=20)


@pytest.fixture
def sessions(channel: aio.Channel) -> Sessions:
    return Sessions(channel)


def refused(caught: pytest.ExceptionInfo[aio.AioRpcError]) -> tuple[StatusCode, str]:
    return caught.value.code(), error_info(caught.value).reason


async def test_old_sessions_are_told_first_and_then_deleted(sessions: Sessions, world: World) -> None:
    for name in ("old", "older", "new"):
        await sessions.with_message(name, "hello")
    await world.store._database.write(
        lambda connection: connection.execute(
            "UPDATE sessions SET updated_at = '2020-01-01T00:00:00.000000Z' WHERE name <> 'new'"
        )
    )
    told = await sessions.call("CleanSessions", pb.CleanSessionsRequest(older_than=DAY, dry_run=True))
    assert sorted(await sessions.names()) == ["new", "old", "older"]
    done = await sessions.call("CleanSessions", pb.CleanSessionsRequest(older_than=DAY))
    assert done == told
    assert done.session_count == 2
    assert {session.name for session in done.sessions} == {"old", "older"}
    assert await sessions.names() == ["new"]
    again = await sessions.call("CleanSessions", pb.CleanSessionsRequest(older_than=DAY))
    assert again.session_count == 0


@pytest.mark.parametrize(
    "older_than", [None, Duration(), Duration(seconds=-1), Duration(seconds=10**18), Duration(seconds=315_576_000_000)]
)
async def test_an_age_that_is_none_deletes_nothing(sessions: Sessions, older_than: Any) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.call("CleanSessions", pb.CleanSessionsRequest(older_than=older_than))
    assert refused(caught) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


async def test_messages_are_found_page_by_page(sessions: Sessions) -> None:
    session = await sessions.with_message("vpc", "Which CIDR?", "The cidr is 10.0.0.0/16", "Thanks")
    first = await sessions.call("SearchMessages", pb.SearchMessagesRequest(query="cidr", page_size=1))
    (hit,) = first.hits
    assert (hit.session_id, hit.session_name, hit.role) == (session.session_id, "vpc", message_pb2.ROLE_USER)
    assert hit.snippet == "The cidr is 10.0.0.0/16"
    assert hit.create_time.seconds > 0
    second = await sessions.call(
        "SearchMessages", pb.SearchMessagesRequest(query="cidr", page_size=1, page_token=first.next_page_token)
    )
    assert [hit.snippet for hit in second.hits] == ["Which CIDR?"]
    assert second.next_page_token == ""
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.call(
            "SearchMessages", pb.SearchMessagesRequest(query="thanks", page_token=first.next_page_token)
        )
    assert refused(caught) == (StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


@pytest.mark.parametrize("query", ["", " \t", "***", "x" * 500])
async def test_a_search_for_nothing_is_refused(sessions: Sessions, query: str) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.call("SearchMessages", pb.SearchMessagesRequest(query=query))
    assert refused(caught) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")


@pytest.mark.parametrize("form", [pb.EXPORT_FORMAT_JSON, pb.EXPORT_FORMAT_YAML])
async def test_what_was_exported_is_imported_again(sessions: Sessions, form: Any) -> None:
    session = await sessions.with_message("vpc", "Which CIDR? 🌍", "two\nlines")
    pieces = await sessions.export(session.session_id, form)
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.import_(pieces)
    assert refused(caught) == (StatusCode.ALREADY_EXISTS, "SESSION_EXISTS")
    request_id = str(uuid.uuid4())
    copied = (await sessions.import_(pieces, name="copy", request_id=request_id)).session
    assert (copied.name, copied.message_count) == ("copy", 2)
    assert (await sessions.import_(pieces, name="copy", request_id=request_id)).session == copied
    replaced = (await sessions.import_(pieces, name="copy", overwrite=True)).session
    assert replaced.session_id != copied.session_id
    listed = await sessions.call("ListMessages", pb.ListMessagesRequest(session_id=replaced.session_id))
    assert [message.content for message in listed.messages] == ["Which CIDR? 🌍", "two\nlines"]


async def test_markdown_is_text(sessions: Sessions) -> None:
    session = await sessions.with_message("vpc", "Which CIDR?")
    text = b"".join(await sessions.export(session.session_id, pb.EXPORT_FORMAT_MARKDOWN)).decode()
    assert "Which CIDR?" in text


async def test_an_export_larger_than_a_message_comes_in_pieces_and_goes_back_in_pieces(sessions: Sessions) -> None:
    session = await sessions.with_message("huge", *(letter * 9_000_000 for letter in "ab"))
    listed = await sessions.call("ListMessages", pb.ListMessagesRequest(session_id=session.session_id, page_size=1))
    assert [(m.content, m.blocks[0].text.text) for m in listed.messages] == [("", "a" * 9_000_000)]
    pieces = await sessions.export(session.session_id)
    assert sum(map(len, pieces)) > 16 * 1024 * 1024
    assert max(map(len, pieces)) <= whole_sessions.PIECE_BYTES
    assert json.loads(b"".join(pieces))["statistics"]["message_count"] == 2
    copied = (await sessions.import_(pieces, name="copy")).session
    assert copied.message_count == 2


async def test_what_cannot_be_exported_is_an_error(sessions: Sessions) -> None:
    empty = await sessions.with_message("empty")
    for session_id, form, expected in (
        ("none", pb.EXPORT_FORMAT_JSON, (StatusCode.NOT_FOUND, "SESSION_NOT_FOUND")),
        (empty.session_id, pb.EXPORT_FORMAT_JSON, (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")),
        (empty.session_id, 99, (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")),
    ):
        with pytest.raises(aio.AioRpcError) as caught:
            await sessions.export(session_id, form)
        assert refused(caught) == expected


HOSTILE = {
    "nothing": b"",
    "no text": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "deep yaml": b"- " * 5_000,
    "a tag": b"!!python/object/apply:os.system ['true']",
    "an alias": b"version: &a '1.0'\nsession: *a\n",
    "wrong count": b'{"version":"1.0","session":{"name":"x"},"messages":[],"statistics":{"message_count":3}}',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_file_is_refused_and_leaves_nothing(sessions: Sessions, content: bytes) -> None:
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.import_([content])
    assert refused(caught) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert await sessions.names() == []


async def test_a_name_that_is_a_path_is_refused(sessions: Sessions) -> None:
    session = await sessions.with_message("vpc", "hello")
    pieces = await sessions.export(session.session_id)
    for name in ("../evil", "/etc/passwd", "a\x00b"):
        with pytest.raises(aio.AioRpcError) as caught:
            await sessions.import_(pieces, name=name)
        assert refused(caught) == (StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert await sessions.names() == ["vpc"]


async def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole_sessions, "MAX_FILE_BYTES", 1000)
    with pytest.raises(aio.AioRpcError) as caught:
        await sessions.import_([b"x" * 600, b"x" * 600])
    assert refused(caught) == (StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")


async def test_an_import_begins_with_start_and_has_it_once(sessions: Sessions) -> None:
    start = pb.ImportSessionRequest(start=pb.ImportSessionRequest.Start())
    piece = pb.ImportSessionRequest(content=b"{}")
    for requests, reason in (
        ([], "ATTACH_REQUIRED"),
        ([piece], "ATTACH_REQUIRED"),
        ([start, start], "UNSUPPORTED_EVENT"),
        ([start, pb.ImportSessionRequest()], "UNSUPPORTED_EVENT"),
    ):
        with pytest.raises(aio.AioRpcError) as caught:
            await sessions.send(iter(requests))
        assert refused(caught) == (StatusCode.INVALID_ARGUMENT, reason)


async def test_a_client_that_goes_away_in_the_middle_of_an_import_leaves_nothing(
    sessions: Sessions, channel: aio.Channel
) -> None:
    call = SessionServiceStub(channel).ImportSession(metadata=OWNER)
    await call.write(pb.ImportSessionRequest(start=pb.ImportSessionRequest.Start(name="half")))
    await call.write(pb.ImportSessionRequest(content=b'{"version": "1.0"'))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert await sessions.names() == []
