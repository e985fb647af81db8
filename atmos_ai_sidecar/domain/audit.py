"""The audit trail: what is written down about a call, and the chain that shows when somebody changed it.

Each row carries HMAC-SHA256(key, previous row's code ‖ the row as it is stored). The key, and the code of the newest
row (the head), are kept elsewhere. A head is announced before its row is written, so that a row that is missing
although nothing was announced was taken away, and one that was announced may not have been written. Where the oldest
rows were removed on purpose, number and code of the newest of them (the floor) are kept there too, and the chain goes
on from it.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from enum import StrEnum

from atmos_ai_sidecar.lazy_dataclasses import dataclass

MAX_INPUT_CHARACTERS = 8_000
MAX_NAME_CHARACTERS = 200
"""A model may make a name up."""


class Outcome(StrEnum):
    """What came of a call."""

    STARTED = "started"
    """It was let through; how it ended stands in a row of its own, or nowhere when the process died."""
    REFUSED = "refused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INVALID = "invalid"
    """Nothing was decided: there is no such tool, or its input is not valid."""
    CLEANED = "cleaned"
    """The row is about no call: older rows were removed on purpose, and its reason says which."""
    LOST = "lost"
    """A row was announced and is not there: the process died before it was written, or somebody removed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What is written down about a call: once when it is decided, and once when it has ended."""

    time: str
    """UTC, as ISO 8601."""
    session_id: str = ""
    turn_id: str = ""
    tool_call_id: str = ""
    tool: str = ""
    input_digest: str = ""
    """SHA-256 of tool and canonical input, also of what ``input`` does not show."""
    input: str = ""
    """The canonical input without secrets, cut to 8,000 characters."""
    decision: str = ""
    reason: str = ""
    rule: str = ""
    """The rule that won, with file and line."""
    answered_by: str = ""
    """Who answered, and how, when somebody was asked."""
    latency_ms: int = 0
    """Until it was decided, waiting for people included; for a row about an end, how long the call ran."""
    outcome: Outcome = Outcome.STARTED


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One row of a chain, as it is stored."""

    chain: str
    number: int
    """Counts from 1 without gaps."""
    entry: str
    """The entry as canonical JSON."""
    code: str
    """The HMAC, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The newest row of a chain; number 0 and no code before the first."""

    number: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """What is kept of a chain outside of its rows."""

    chain: str
    key: bytes
    head: Head = Head()
    announced: Head | None = None
    """The head that the row which is being written will have."""
    floor: Head = Head()
    """The newest row that was removed on purpose; number 0 when none was."""
    floor_time: str = ""
    """The removed rows were written before this time; UTC, as ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What checking a chain found."""

    rows: int
    """How many rows are sound, from the first on that was not removed on purpose."""
    broken: int = 0
    """The number of the first row that is not; 0 when there is none."""
    problem: str = ""
    """What is wrong with it, in one sentence."""
    note: str = ""
    """What is sound and worth knowing."""
    removed: int = 0
    """How many rows before them were removed on purpose."""
    removed_before: str = ""
    """The removed rows were written before this time; UTC, as ISO 8601."""


def canonical_entry(entry: AuditEntry) -> str:
    """JSON with sorted keys and nothing but ASCII: what is stored is what was sealed, byte by byte."""
    return json.dumps(asdict(entry), sort_keys=True, separators=(",", ":"))


def sealed(seal: Seal, previous: Head, entry: AuditEntry) -> AuditRow:
    """The row after ``previous``."""
    text, number = canonical_entry(entry), previous.number + 1
    return AuditRow(chain=seal.chain, number=number, entry=text, code=_code(seal, previous.code, number, text))


def check(seal: Seal, rows: Iterable[AuditRow]) -> Verdict:
    """Whether the rows, in their order and all of them, are what was written.

    Rows that follow the head and continue the chain are sound: only who has the key can write them, and they may have
    been written since the head was read.
    """
    checker = Checker(seal)
    for row in rows:
        if checker.reject(row):
            break
    return checker.verdict()


class Checker:
    """Checks the rows of a chain one after the other, so that they need not be held at once."""

    def __init__(self, seal: Seal) -> None:
        self._seal = seal
        self._last = seal.floor
        self._problem = ""

    def reject(self, row: AuditRow) -> bool:
        """Takes the next row; True when it is not sound, and no row after it counts."""
        expected = self._last.number + 1
        code = _code(self._seal, self._last.code, expected, row.entry)
        if row.number > expected:
            self._problem = f"it is missing: the next row that there is has number {row.number}"
        elif row.number < expected or not hmac.compare_digest(code.encode(), row.code.encode()):
            self._problem = "it was changed, moved or replaced"
        elif expected == self._seal.head.number and row.code != self._seal.head.code:
            self._problem = "it is not the row that was written last"
        else:
            self._last = Head(number=row.number, code=row.code)
        return bool(self._problem)

    def verdict(self) -> Verdict:
        """What was found, when there are no more rows."""
        number, head, announced = self._last.number, self._seal.head, self._seal.announced
        if not self._problem and number < head.number:
            self._problem = f"it is missing: {head.number} rows were written"
        floor = self._seal.floor.number
        verdict = Verdict(rows=number - floor, removed=floor, removed_before=self._seal.floor_time)
        if self._problem:
            return replace(verdict, broken=number + 1, problem=self._problem)
        if announced is not None and number < announced.number:
            note = (
                f"row {announced.number} was announced and is not there: it is being written, a process died "
                "before it was, or somebody removed it in that moment"
            )
            return replace(verdict, note=note)
        return verdict


def shown(entry: str) -> Iterator[tuple[str, object]]:
    """The fields of a stored entry, in the order in which they are defined; what is no entry gives none."""
    try:
        values = json.loads(entry)
    except ValueError:
        return
    if isinstance(values, dict):
        yield from ((name, values.get(name)) for name in AuditEntry.__dataclass_fields__)


def is_written_before(entry: str, time: datetime) -> bool:
    """Whether a stored entry is older than that; what tells no time is not."""
    written = dict(shown(entry)).get("time")
    try:
        return datetime.fromisoformat(str(written)) < time
    except (TypeError, ValueError):
        return False


def _code(seal: Seal, previous: str, number: int, entry: str) -> str:
    message = f"{seal.chain}\n{number}\n{previous}\n{entry}".encode("utf-8", "surrogatepass")
    return hmac.new(seal.key, message, hashlib.sha256).hexdigest()
