"""The contract of ApprovalStore, as numbered behaviours that every store of approvals must keep."""

import asyncio
from dataclasses import replace
from typing import Protocol

import pytest

from atmos_ai_sidecar.application.ports.approval_store import ApprovalStore, Settlement
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.errors import (
    InvalidPageTokenError,
    PermissionRequestNotFoundError,
    SessionNotFoundError,
)
from tests.contracts.drafts import draft, permission_request
from tests.fakes.clock import START


class ApprovingStore(SessionStore, ApprovalStore, Protocol):
    """What these tests need of a store."""


def settlement(outcome: Answer, resolved_by: str = "ada") -> Settlement:
    return Settlement(outcome=outcome, resolved_by=resolved_by, resolve_time=START, comment="not in prod, bitte 🙏")


async def test_01_a_request_comes_back_as_it_was(store: ApprovingStore) -> None:
    session = await store.create_session(draft())
    for request in (permission_request("p-1", session_id=session.id), permission_request("p-2")):
        await store.add_request(request, owner="owner-1")
        assert await store.get_request(request.id) == request


async def test_02_a_settlement_is_kept(store: ApprovingStore) -> None:
    request = permission_request("p-1")
    await store.add_request(request, owner="owner-1")
    settled = await store.settle_request("p-1", settlement(Answer.REJECT_ONCE))
    assert settled == replace(
        request,
        outcome=Answer.REJECT_ONCE,
        resolved_by="ada",
        resolve_time=START,
        comment="not in prod, bitte 🙏",
    )
    assert await store.get_request("p-1") == settled


async def test_03_the_first_settlement_wins(store: ApprovingStore) -> None:
    await store.add_request(permission_request("p-1"), owner="owner-1")
    answers = [Answer.ALLOW_ONCE, Answer.REJECT_ONCE] * 10
    returned = await asyncio.gather(
        *(store.settle_request("p-1", settlement(answer, f"by-{place}")) for place, answer in enumerate(answers))
    )
    assert len({(request.outcome, request.resolved_by) for request in returned}) == 1
    assert await store.get_request("p-1") == returned[0]


async def test_04_an_unknown_request_is_not_found(store: ApprovingStore) -> None:
    with pytest.raises(PermissionRequestNotFoundError):
        await store.get_request("nobody")
    with pytest.raises(PermissionRequestNotFoundError):
        await store.settle_request("nobody", settlement(Answer.ALLOW_ONCE))


async def test_05_requests_are_paged_newest_first_also_while_others_arrive(store: ApprovingStore) -> None:
    for number in range(5):
        await store.add_request(permission_request(f"p-{number}"), owner="owner-1")
    first, cursor = await store.list_requests(limit=2)
    await store.add_request(permission_request("p-new"), owner="owner-1")
    second, cursor = await store.list_requests(limit=2, cursor=cursor)
    third, cursor = await store.list_requests(limit=2, cursor=cursor)
    assert [request.id for request in (*first, *second, *third)] == ["p-4", "p-3", "p-2", "p-1", "p-0"]
    assert cursor == ""


async def test_06_requests_are_listed_by_session_and_by_being_pending(store: ApprovingStore) -> None:
    session = await store.create_session(draft())
    for request_id, session_id in (("p-1", session.id), ("p-2", session.id), ("p-3", "")):
        await store.add_request(permission_request(request_id, session_id=session_id), owner="owner-1")
    await store.settle_request("p-1", settlement(Answer.ALLOW_ONCE))

    async def listed(*, session_id: str = "", pending_only: bool = False) -> list[str]:
        requests, _ = await store.list_requests(session_id=session_id, pending_only=pending_only, limit=10)
        return [request.id for request in requests]

    assert await listed() == ["p-3", "p-2", "p-1"]
    assert await listed(pending_only=True) == ["p-3", "p-2"]
    assert await listed(session_id=session.id) == ["p-2", "p-1"]
    assert await listed(session_id=session.id, pending_only=True) == ["p-2"]


async def test_07_a_cursor_of_another_list_is_refused(store: ApprovingStore) -> None:
    for number in range(3):
        await store.add_request(permission_request(f"p-{number}"), owner="owner-1")
    _, cursor = await store.list_requests(limit=1)
    with pytest.raises(InvalidPageTokenError):
        await store.list_requests(limit=1, cursor=cursor, pending_only=True)


async def test_08_pending_requests_are_known_by_their_owner(store: ApprovingStore) -> None:
    await store.add_request(permission_request("p-1"), owner="owner-1")
    await store.add_request(permission_request("p-2"), owner="owner-2")
    await store.add_request(permission_request("p-3"), owner="owner-1")
    await store.settle_request("p-3", settlement(Answer.CANCELLED))
    assert [request.id for request in await store.pending_of_owner("owner-1")] == ["p-1"]
    assert await store.pending_of_owner("owner-3") == ()


async def test_09_a_request_of_a_session_goes_with_it(store: ApprovingStore) -> None:
    session = await store.create_session(draft())
    await store.add_request(permission_request("p-1", session_id=session.id), owner="owner-1")
    assert await store.delete_session(session.id)
    with pytest.raises(PermissionRequestNotFoundError):
        await store.get_request("p-1")
    with pytest.raises(SessionNotFoundError):
        await store.add_request(permission_request("p-2", session_id=session.id), owner="owner-1")
