from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from atmos_ai_sidecar.application.audit import Audit
from atmos_ai_sidecar.domain.audit import AuditRow, Seal
from tests.fakes.clock import FakeClock


class FakeAuditLog:
    """Rows in a list; a test may change them behind the back of the chain."""

    def __init__(self) -> None:
        self.rows: list[AuditRow] = []
        self.problem: Exception | None = None
        """Raised instead of writing."""

    async def append_audit_row(self, row: AuditRow) -> bool:
        if self.problem is not None:
            raise self.problem
        known = next((other for other in self.rows if other.number == row.number), None)
        if known is None:
            self.rows.append(row)
        return known in {None, row}

    async def audit_rows(self, chain: str, *, after: int, limit: int) -> Sequence[AuditRow]:
        found = sorted((row for row in self.rows if row.chain == chain and row.number > after), key=_number)
        return found[:limit]

    async def newest_audit_rows(self, chain: str, *, before: int, limit: int) -> Sequence[AuditRow]:
        found = sorted((row for row in self.rows if row.chain == chain and row.number < before), key=_number)
        return found[::-1][:limit]

    async def remove_audit_rows(self, chain: str, *, up_to: int) -> None:
        self.rows = [row for row in self.rows if row.chain != chain or row.number > up_to]


class FakeSealStore:
    """A seal with a key that everybody knows."""

    def __init__(self) -> None:
        self.seal = Seal(chain="chain", key=b"k" * 32)

    def load(self) -> Seal | None:
        return self.seal

    @contextmanager
    def held(self) -> Iterator["FakeSealStore"]:
        yield self

    def save(self, seal: Seal, *, is_durable: bool = False) -> None:
        self.seal = seal


def fake_audit(log: FakeAuditLog | None = None, seals: FakeSealStore | None = None) -> Audit:
    """An audit trail that is gone with the test; it takes the word hush out of inputs."""
    return Audit(
        log or FakeAuditLog(),
        seals or FakeSealStore(),
        FakeClock(),
        redact_json=lambda values: {
            name: value.replace("hush", "<<secret:1>>") if isinstance(value, str) else value
            for name, value in values.items()
        },
    )


def _number(row: AuditRow) -> int:
    return row.number
