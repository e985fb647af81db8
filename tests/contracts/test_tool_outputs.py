"""What every ToolOutputs must keep."""

import pytest

from atmos_ai_sidecar.adapters.storage import amounts
from atmos_ai_sidecar.errors import SessionNotFoundError
from tests.contracts.conftest import AnyStore
from tests.contracts.drafts import draft


async def test_an_output_is_read_piece_by_piece(store: AnyStore) -> None:
    session = await store.create_session(draft())
    await store.save_output(session.id, "call-1", tool="atmos_list_stacks", text="0123456789")
    page = await store.read_output(session.id, "call-1", offset=3, limit=4)
    assert page is not None
    assert (page.tool, page.text, page.total) == ("atmos_list_stacks", "3456", 10)
    end = await store.read_output(session.id, "call-1", offset=9, limit=4)
    assert end is not None
    assert end.text == "9"


async def test_characters_are_counted_and_not_bytes(store: AnyStore) -> None:
    session = await store.create_session(draft())
    await store.save_output(session.id, "call-1", tool="t", text="äöü\0€😀\ud800")
    page = await store.read_output(session.id, "call-1", offset=0, limit=100)
    assert page is not None
    assert (page.text, page.total) == ("äöü\ufffd€😀?", 7)


async def test_what_is_not_kept_is_none(store: AnyStore) -> None:
    session, other = await store.create_session(draft()), await store.create_session(draft("other"))
    await store.save_output(session.id, "call-1", tool="t", text="x")
    assert await store.read_output(session.id, "call-2", offset=0, limit=1) is None
    assert await store.read_output(other.id, "call-1", offset=0, limit=1) is None


async def test_a_call_that_is_kept_again_replaces_what_was_kept(store: AnyStore) -> None:
    session = await store.create_session(draft())
    await store.save_output(session.id, "call-1", tool="t", text="first")
    await store.save_output(session.id, "call-1", tool="t", text="second")
    page = await store.read_output(session.id, "call-1", offset=0, limit=10)
    assert page is not None
    assert page.text == "second"


async def test_an_unknown_session_keeps_nothing(store: AnyStore) -> None:
    with pytest.raises(SessionNotFoundError):
        await store.save_output("nobody", "call-1", tool="t", text="x")


async def test_outputs_go_with_their_session(store: AnyStore) -> None:
    session = await store.create_session(draft())
    await store.save_output(session.id, "call-1", tool="t", text="x")
    await store.delete_session(session.id)
    assert await store.read_output(session.id, "call-1", offset=0, limit=1) is None


async def test_the_oldest_outputs_of_a_session_are_dropped_when_there_is_too_much(
    store: AnyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(amounts, "KEPT_CHARACTERS", 10)
    session, other = await store.create_session(draft()), await store.create_session(draft("other"))
    await store.save_output(other.id, "call-1", tool="t", text="x" * 9)
    for number in range(1, 5):
        await store.save_output(session.id, f"call-{number}", tool="t", text="x" * 4)
    kept = [await store.read_output(session.id, f"call-{number}", offset=0, limit=1) for number in range(1, 5)]
    assert [page is not None for page in kept] == [False, False, True, True]
    await store.save_output(session.id, "call-5", tool="t", text="x" * 40)
    assert await store.read_output(session.id, "call-4", offset=0, limit=1) is None
    assert await store.read_output(session.id, "call-5", offset=0, limit=1) is not None
    assert await store.read_output(other.id, "call-1", offset=0, limit=1) is not None
