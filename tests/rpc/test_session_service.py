import uuid
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from grpc import StatusCode, aio

from atmos_ai_sidecar.errors import AIDisabledError
from atmos_ai_sidecar.v1 import message_pb2
from atmos_ai_sidecar.v1 import session_service_pb2 as pb
from atmos_ai_sidecar.v1.session_service_pb2_grpc import SessionServiceStub
from tests.rpc.world import OWNER, World, error_info


class Sessions:
    """Calls with the owner's token."""

    def __init__(self, channel: aio.Channel) -> None:
        self._stub = SessionServiceStub(channel)

    async def call(self, method: str, request: Any) -> Any:
        return await getattr(self._stub, method)(request, metadata=OWNER, timeout=5)

    async def create(self, name: str = "", **fields: Any) -> Any:
        return (await self.call("CreateSession", pb.CreateSessionRequest(name=name, **fields))).session

    async def refusal(self, method: str, request: Any) -> tuple[StatusCode, str]:
        with pytest.raises(aio.AioRpcError) as caught:
            await self.call(method, request)
        return caught.value.code(), error_info(caught.value).reason


@pytest.fixture
def sessions(channel: aio.Channel) -> Sessions:
    return Sessions(channel)


async def test_session_that_was_created_is_found_by_id_and_by_name(sessions: Sessions) -> None:
    created = await sessions.create("vpc", metadata={"team": "net"})
    by_id = await sessions.call("GetSession", pb.GetSessionRequest(session_id=created.session_id))
    by_name = await sessions.call("GetSessionByName", pb.GetSessionByNameRequest(name="vpc"))
    assert created == by_id.session == by_name.session
    assert (created.name, created.model, created.provider, dict(created.metadata)) == ("vpc", "m", "p", {"team": "net"})
    assert created.create_time.seconds > 0


async def test_repeated_request_id_returns_the_first_session(sessions: Sessions) -> None:
    request_id = str(uuid.uuid4())
    first = await sessions.create("a", request_id=request_id)
    assert await sessions.create("a", request_id=request_id.upper()) == first


@pytest.mark.parametrize(
    ("method", "request_", "expected"),
    [
        ("CreateSession", pb.CreateSessionRequest(name="a/b"), "INVALID_FIELD"),
        ("CreateSession", pb.CreateSessionRequest(request_id="1"), "INVALID_FIELD"),
        ("GetSession", pb.GetSessionRequest(session_id="none"), "SESSION_NOT_FOUND"),
        ("GetSessionByName", pb.GetSessionByNameRequest(name="none"), "SESSION_NOT_FOUND"),
        ("ListSessions", pb.ListSessionsRequest(page_size=-1), "INVALID_FIELD"),
        ("ListSessions", pb.ListSessionsRequest(page_size=1001), "INVALID_FIELD"),
        ("ListSessions", pb.ListSessionsRequest(page_token="!"), "INVALID_PAGE_TOKEN"),
        ("UpdateSession", pb.UpdateSessionRequest(session=pb.Session(session_id="s")), "INVALID_FIELD"),
        ("UpdateSession", pb.UpdateSessionRequest(update_mask=FieldMask(paths=["etag"])), "INVALID_FIELD"),
        ("DeleteSession", pb.DeleteSessionRequest(session_id="none"), "SESSION_NOT_FOUND"),
        ("AddMessage", pb.AddMessageRequest(session_id="none", content="x"), "INVALID_FIELD"),
        ("AddMessage", pb.AddMessageRequest(session_id="none", role="ROLE_USER", content="x"), "SESSION_NOT_FOUND"),
        ("ListMessages", pb.ListMessagesRequest(session_id="none"), "SESSION_NOT_FOUND"),
        ("ListMessages", pb.ListMessagesRequest(session_id="none", limit=-1), "INVALID_FIELD"),
        ("AddContextItem", pb.AddContextItemRequest(session_id="none"), "SESSION_NOT_FOUND"),
        ("ListContextItems", pb.ListContextItemsRequest(session_id="none"), "SESSION_NOT_FOUND"),
    ],
)
async def test_bad_requests_are_refused_with_their_reason(
    sessions: Sessions, method: str, request_: Any, expected: str
) -> None:
    codes = {"SESSION_NOT_FOUND": StatusCode.NOT_FOUND}
    assert await sessions.refusal(method, request_) == (codes.get(expected, StatusCode.INVALID_ARGUMENT), expected)


async def test_pages_hold_every_session_once_and_the_empty_token_ends_them(sessions: Sessions) -> None:
    names = {(await sessions.create(f"s{number}")).name for number in range(5)}
    seen, token = [], ""
    while True:
        page = await sessions.call("ListSessions", pb.ListSessionsRequest(page_size=2, page_token=token))
        seen += [session.name for session in page.sessions]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == 5
    assert set(seen) == names


async def test_page_token_belongs_to_its_list(sessions: Sessions) -> None:
    await sessions.create("a")
    await sessions.create("b")
    page = await sessions.call("ListSessions", pb.ListSessionsRequest(page_size=1))
    request = pb.ListSessionsRequest(page_token=page.next_page_token, include_archived=True)
    assert await sessions.refusal("ListSessions", request) == (StatusCode.INVALID_ARGUMENT, "INVALID_PAGE_TOKEN")


async def test_update_changes_only_what_the_mask_names(sessions: Sessions) -> None:
    created = await sessions.create("old", metadata={"a": "1"})
    change = pb.Session(session_id=created.session_id, name="new", model="other", etag=created.etag)
    request = pb.UpdateSessionRequest(session=change, update_mask=FieldMask(paths=["name"]))
    updated = (await sessions.call("UpdateSession", request)).session
    assert (updated.name, updated.model, dict(updated.metadata)) == ("new", "m", {"a": "1"})
    assert await sessions.refusal("UpdateSession", request) == (StatusCode.ABORTED, "ETAG_MISMATCH")


async def test_name_that_is_taken_already_exists(sessions: Sessions) -> None:
    await sessions.create("a")
    refusal = await sessions.refusal("CreateSession", pb.CreateSessionRequest(name="a"))
    assert refusal == (StatusCode.ALREADY_EXISTS, "SESSION_EXISTS")


async def test_deleting_a_missing_session_is_fine_when_it_may_be_missing(sessions: Sessions) -> None:
    created = await sessions.create("a")
    request = pb.DeleteSessionRequest(session_id=created.session_id, allow_missing=True)
    await sessions.call("DeleteSession", request)
    await sessions.call("DeleteSession", request)


async def test_limit_gives_the_newest_messages_in_order(sessions: Sessions) -> None:
    session_id = (await sessions.create("a")).session_id
    for text in "abcde":
        added = pb.AddMessageRequest(session_id=session_id, role=message_pb2.ROLE_USER, content=text)
        assert (await sessions.call("AddMessage", added)).message.content == text
    newest = await sessions.call("ListMessages", pb.ListMessagesRequest(session_id=session_id, limit=3))
    assert [message.content for message in newest.messages] == ["c", "d", "e"]
    assert newest.next_page_token == ""
    paged = pb.ListMessagesRequest(session_id=session_id, limit=3, page_size=2)
    first = await sessions.call("ListMessages", paged)
    paged.page_token = first.next_page_token
    second = await sessions.call("ListMessages", paged)
    assert [message.content for message in (*first.messages, *second.messages)] == ["c", "d", "e"]


async def test_large_messages_are_spread_over_pages(sessions: Sessions) -> None:
    session_id = (await sessions.create("a")).session_id
    for letter in "abc":
        text = letter * (3000 * 1024)
        await sessions.call("AddMessage", pb.AddMessageRequest(session_id=session_id, role="ROLE_USER", content=text))
    first = await sessions.call("ListMessages", pb.ListMessagesRequest(session_id=session_id))
    assert [message.blocks[0].text.text[0] for message in first.messages] == ["a"]
    request = pb.ListMessagesRequest(session_id=session_id, page_token=first.next_page_token)
    second = await sessions.call("ListMessages", request)
    assert [message.blocks[0].text.text[0] for message in second.messages] == ["b"]
    assert second.next_page_token


async def test_context_items_are_sorted_replaced_and_paged(sessions: Sessions) -> None:
    session_id = (await sessions.create("a")).session_id
    for key, value in (("b", "1"), ("a", "2"), ("b", "3")):
        item = pb.ContextItem(context_type="file", context_key=key, context_value=value)
        await sessions.call("AddContextItem", pb.AddContextItemRequest(session_id=session_id, item=item))
    first = await sessions.call("ListContextItems", pb.ListContextItemsRequest(session_id=session_id, page_size=1))
    request = pb.ListContextItemsRequest(session_id=session_id, page_size=1, page_token=first.next_page_token)
    second = await sessions.call("ListContextItems", request)
    found = [(item.context_key, item.context_value) for item in (*first.items, *second.items)]
    assert found == [("a", "2"), ("b", "3")]
    assert second.next_page_token == ""


async def test_project_that_cannot_be_opened_is_an_error_until_it_can(world: World, sessions: Sessions) -> None:
    world.open_error = AIDisabledError("atmos.yaml")
    refusal = await sessions.refusal("ListSessions", pb.ListSessionsRequest())
    assert refusal == (StatusCode.FAILED_PRECONDITION, "AI_DISABLED")
    world.open_error = None
    await sessions.create("a")
    await sessions.create("b")
    assert world.opened == 2
