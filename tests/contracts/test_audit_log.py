"""What every AuditLog must keep."""

from dataclasses import replace

from atmos_ai_sidecar.domain.audit import AuditRow
from tests.contracts.conftest import AnyStore
from tests.contracts.drafts import draft


def row(number: int, chain: str = "c") -> AuditRow:
    return AuditRow(chain=chain, number=number, entry='{"a":1}', code=f"code {number}")


async def test_rows_come_back_as_they_were_in_pages_of_their_chain(store: AnyStore) -> None:
    rows = [row(number) for number in range(1, 6)]
    for one in rows:
        assert await store.append_audit_row(one)
    assert await store.append_audit_row(row(1, "other"))
    assert list(await store.audit_rows("c", after=0, limit=3)) == rows[:3]
    assert list(await store.audit_rows("c", after=3, limit=3)) == rows[3:]
    assert list(await store.newest_audit_rows("c", before=2**62, limit=2)) == [rows[4], rows[3]]
    assert list(await store.newest_audit_rows("c", before=2, limit=9)) == [rows[0]]
    assert list(await store.audit_rows("none", after=0, limit=3)) == []


async def test_a_number_is_taken_once_and_the_same_row_again_is_no_error(store: AnyStore) -> None:
    first = row(1)
    assert await store.append_audit_row(first)
    assert await store.append_audit_row(first)
    assert not await store.append_audit_row(replace(first, code="forged"))
    assert list(await store.audit_rows("c", after=0, limit=9)) == [first]


async def test_rows_outlive_the_sessions_that_they_are_about(store: AnyStore) -> None:
    session = await store.create_session(draft())
    one = replace(row(1), entry=f'{{"session_id":"{session.id}"}}')
    await store.append_audit_row(one)
    await store.delete_session(session.id)
    assert list(await store.audit_rows("c", after=0, limit=9)) == [one]


async def test_the_oldest_rows_can_be_removed_and_those_of_other_chains_stay(store: AnyStore) -> None:
    rows = [row(number) for number in range(1, 5)]
    for one in (*rows, row(1, "other")):
        await store.append_audit_row(one)
    for _ in range(2):
        await store.remove_audit_rows("c", up_to=3)
        assert list(await store.audit_rows("c", after=0, limit=9)) == rows[3:]
    assert list(await store.audit_rows("other", after=0, limit=9)) == [row(1, "other")]
