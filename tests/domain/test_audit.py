from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atmos_ai_sidecar.domain.audit import (
    AuditEntry,
    AuditRow,
    Head,
    Outcome,
    Seal,
    Verdict,
    canonical_entry,
    check,
    is_written_before,
    sealed,
    shown,
)

SEAL = Seal(chain="chain", key=b"k" * 32)


def chain(count: int, seal: Seal = SEAL) -> tuple[Seal, list[AuditRow]]:
    """A chain of so many rows, and its seal."""
    rows: list[AuditRow] = []
    for number in range(1, count + 1):
        row = sealed(seal, seal.head, AuditEntry(time=f"t{number}", tool="plan"))
        rows.append(row)
        seal = replace(seal, head=Head(number=row.number, code=row.code))
    return seal, rows


def broken(seal: Seal, rows: Sequence[AuditRow]) -> int:
    return check(seal, rows).broken


def test_a_chain_as_it_was_written_is_sound() -> None:
    for count in range(4):
        assert check(*chain(count)) == Verdict(rows=count)


@given(count=st.integers(1, 6), index=st.integers(0, 5), field=st.sampled_from(["entry", "code", "number"]))
def test_a_changed_row_is_named(count: int, index: int, field: str) -> None:
    seal, rows = chain(count)
    index %= count
    changed: dict[str, object] = {"entry": rows[index].entry + " ", "code": "0" * 64, "number": rows[index].number - 1}
    rows[index] = replace(rows[index], **{field: changed[field]})  # type: ignore[arg-type]
    verdict = check(seal, rows)
    assert (verdict.broken, verdict.rows) == (index + 1, index)
    assert "changed" in verdict.problem


@given(count=st.integers(1, 6), index=st.integers(0, 5))
def test_a_removed_row_is_named_also_the_last(count: int, index: int) -> None:
    seal, rows = chain(count)
    del rows[index % count]
    verdict = check(seal, rows)
    assert verdict.broken == index % count + 1
    assert "missing" in verdict.problem


def test_no_other_order_of_rows_is_sound() -> None:
    seal, rows = chain(4)
    for order in permutations(rows):
        renumbered = [replace(row, number=number) for number, row in enumerate(order, 1)]
        is_same = list(order) == rows
        assert (broken(seal, renumbered) == 0) is is_same
        assert (broken(seal, order) == 0) is is_same


def test_rows_of_another_key_or_chain_do_not_count() -> None:
    seal, _ = chain(3)
    for other in (replace(SEAL, key=b"x" * 32), replace(SEAL, chain="other")):
        assert broken(seal, chain(3, other)[1]) == 1


def test_a_chain_that_was_rewritten_from_an_old_head_is_found() -> None:
    """Somebody with the key of an old seal, as from a backup, cannot pass another last row for it."""
    seal, rows = chain(3)
    other = sealed(seal, Head(number=2, code=rows[1].code), AuditEntry(time="forged"))
    verdict = check(seal, [*rows[:2], other])
    assert (verdict.broken, verdict.problem) == (3, "it is not the row that was written last")


def test_rows_after_the_head_that_continue_the_chain_are_sound() -> None:
    seal, rows = chain(2)
    _, more = chain(4)
    assert check(seal, more) == Verdict(rows=4)
    assert broken(seal, [*rows, replace(more[2], entry="{}")]) == 3


def test_a_row_that_was_announced_and_is_not_there_is_told_and_no_break() -> None:
    seal, rows = chain(2)
    announced = replace(seal, announced=Head(number=3, code="c"))
    verdict = check(announced, rows)
    assert (verdict.broken, verdict.rows) == (0, 2)
    assert "row 3 was announced" in verdict.note
    last = sealed(seal, seal.head, AuditEntry(time="t"))
    assert check(replace(seal, announced=Head(number=3, code=last.code)), [*rows, last]) == Verdict(rows=3)


@given(st.text(), st.text())
def test_what_is_stored_is_ascii_and_shows_every_field(tool: str, text: str) -> None:
    entry = AuditEntry(time="t", tool=tool, input=text, outcome=Outcome.REFUSED)
    stored = canonical_entry(entry)
    assert stored.isascii()
    assert dict(shown(stored)) == asdict(entry)


@pytest.mark.parametrize("text", ["", "[]", "3", "{"])
def test_what_is_no_entry_shows_nothing(text: str) -> None:
    assert list(shown(text)) == []


@given(count=st.integers(1, 6), removed=st.integers(1, 6))
def test_what_follows_rows_that_were_removed_on_purpose_is_sound(count: int, removed: int) -> None:
    seal, rows = chain(count)
    removed = min(removed, count)
    floor = Head(number=removed, code=rows[removed - 1].code)
    shorter = replace(seal, floor=floor, floor_time="t")
    assert check(shorter, rows[removed:]) == Verdict(rows=count - removed, removed=removed, removed_before="t")
    if removed < count:
        assert broken(shorter, rows[removed + 1 :]) == removed + 1
        assert broken(replace(shorter, floor=Head(number=removed, code="0")), rows[removed:]) == removed + 1


@pytest.mark.parametrize(
    ("entry", "is_before"),
    [
        ('{"time":"2026-01-01T00:00:00+00:00"}', True),
        ('{"time":"2026-01-01T00:00:00.5+00:00"}', True),
        ('{"time":"2026-01-02T00:00:00+00:00"}', False),
        ('{"time":"2026-01-01T00:00:00"}', False),
        ('{"time":"yesterday"}', False),
        ("{}", False),
        ("[]", False),
    ],
)
def test_a_row_is_old_when_its_time_says_so(entry: str, is_before: bool) -> None:
    assert is_written_before(entry, datetime(2026, 1, 1, 12, tzinfo=UTC)) is is_before
