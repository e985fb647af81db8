"""The audit trail of one project: every decision is written down before its call runs, and again how it ended.

Guarantees: rows of one chain are written one after the other, also by several processes; a cancelled call does not
leave half a row; a row that was announced and not written, because its process died, is told of in the chain itself,
and so are rows that were removed on purpose.
"""

import asyncio
import dataclasses
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any, TypeVar

from atmos_ai_sidecar.application.ports.audit_log import AuditLog, HeldSeal, SealStore
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.ages import time_before
from atmos_ai_sidecar.domain.audit import (
    MAX_INPUT_CHARACTERS,
    MAX_NAME_CHARACTERS,
    AuditEntry,
    AuditRow,
    Checker,
    Head,
    Outcome,
    Seal,
    Verdict,
    is_written_before,
    sealed,
)
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.errors import SidecarError, StorageCorruptError

_LOG = logging.getLogger(__name__)
_PAGE = 1000
_AFTER_ALL = 2**62
_T = TypeVar("_T")


class Audit:
    """Writes, reads and checks one chain. Use on one event loop."""

    def __init__(self, log: AuditLog, seals: SealStore, clock: Clock, *, redact_json: Callable[[Any], Any]) -> None:
        """Wires the trail.

        Args:
            log: Where its rows are.
            seals: Where its key and its head are.
            clock: For the time of entries.
            redact_json: Takes secrets out of inputs.
        """
        self._log = log
        self._seals = seals
        self._clock = clock
        self._redact_json = redact_json
        self._lock = asyncio.Lock()
        self._writing: set[asyncio.Task[Any]] = set()

    def entry(self, call: ToolCall, decision: Decision, **fields: Any) -> AuditEntry:
        """What is written down about a decision about a call."""
        rule = decision.rule
        text = f"{rule.text} ({rule.file}:{rule.line})" if rule.file else rule.text
        return self._entry(call, decision=decision.kind.value, reason=decision.reason, rule=text, **fields)

    def invalid(self, call: ToolCall, reason: str, **fields: Any) -> AuditEntry:
        """What is written down about a call that nothing was decided about."""
        return self._entry(call, reason=reason, outcome=Outcome.INVALID, **fields)

    def _entry(self, call: ToolCall, *, reason: str, rule: str = "", **fields: Any) -> AuditEntry:
        told = self._redact_json({"reason": reason, "rule": rule})  # both may have values of the input
        shown = canonical_json(self._redact_json(dict(call.input)))
        return AuditEntry(
            time=self._clock.now().isoformat(),
            tool_call_id=call.id,
            tool=call.name[:MAX_NAME_CHARACTERS],
            input_digest=digest(call.name, canonical_json(call.input)),
            input=shown[:MAX_INPUT_CHARACTERS],
            reason=told["reason"][:MAX_INPUT_CHARACTERS],
            rule=told["rule"],
            **fields,
        )

    def ended(self, entry: AuditEntry, outcome: Outcome, latency_ms: int) -> AuditEntry:
        """What is written down about the end of a call, after the entry about its decision."""
        return dataclasses.replace(entry, time=self._clock.now().isoformat(), outcome=outcome, latency_ms=latency_ms)

    async def write(self, entry: AuditEntry) -> None:
        """Writes an entry down, durably; cancelling it does not stop what was begun.

        Raises:
            StorageCorruptError: Key or head are broken, or a row was there already; nothing was written.
            StorageBusyError, StorageFullError, StorageUnavailableError
        """
        await self._finished(self._write(entry))

    async def clean(self, older_than: timedelta, *, dry_run: bool = False) -> int:
        """Removes the oldest rows, up to the first that is not that old, and returns how many.

        What is left can be checked as before: where it begins is kept with the key, and a row says what was removed.
        Nothing is removed before all of it was found to be sound. Cancelling it does not stop what was begun.

        Raises:
            InvalidFieldError: The age is not positive, or longer than the calendar.
            StorageCorruptError: A row is not as it was written; nothing was removed.
            StorageBusyError, StorageFullError, StorageUnavailableError
        """
        return await self._finished(self._clean(time_before(self._clock.now(), older_than), dry_run=dry_run))

    async def retain(self, age: timedelta) -> None:
        """Cleans as the configuration asks for; that it failed stops nobody, and is logged."""
        try:
            removed = await self.clean(age)
        except SidecarError as error:
            _LOG.warning("old rows of the audit trail were not removed: %s", error)
            return
        if removed:
            _LOG.info("%d rows of the audit trail were removed: they were older than %s", removed, age)

    async def _finished(self, work: Coroutine[Any, Any, _T]) -> _T:
        writing = asyncio.create_task(work)
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        return await asyncio.shield(writing)

    async def close(self) -> None:
        """Waits for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    async def verify(self) -> Verdict:
        """Checks the whole chain.

        Raises:
            StorageCorruptError: Key or head are broken.
        """
        seal = await asyncio.to_thread(self._seals.load)
        if seal is None:
            return Verdict(rows=0, note="nothing was written down yet")
        checker = Checker(seal)
        async for row in self._rows(seal):
            if checker.reject(row):
                break
        return checker.verdict()

    async def rows(self) -> AsyncIterator[AuditRow]:
        """Every row, oldest first."""
        seal = await asyncio.to_thread(self._seals.load)
        if seal is not None:
            async for row in self._rows(seal):
                yield row

    async def newest(self, *, limit: int, session_id: str = "") -> Sequence[AuditRow]:
        """The newest rows, newest first; of one session if one is named."""
        seal = await asyncio.to_thread(self._seals.load)
        found: list[AuditRow] = []
        before = _AFTER_ALL
        while seal is not None and len(found) < limit:
            page = await self._log.newest_audit_rows(seal.chain, before=before, limit=_PAGE)
            if not page:
                break
            before = page[-1].number
            # As canonical JSON has it; an id holds nothing that JSON would escape.
            mark = f'"session_id":"{session_id}"' if session_id else ""
            found += [row for row in page if row.number > seal.floor.number and mark in row.entry]
        return tuple(found[:limit])

    async def _rows(self, seal: Seal) -> AsyncIterator[AuditRow]:
        after = seal.floor.number
        while page := await self._log.audit_rows(seal.chain, after=after, limit=_PAGE):
            for row in page:
                yield row
            after = page[-1].number

    async def _write(self, entry: AuditEntry) -> None:
        async with self._lock:
            with ExitStack() as stack:
                held = await asyncio.to_thread(stack.enter_context, self._seals.held())
                if held.seal.announced is not None:
                    await self._settle(held)
                await self._append(held, entry)

    async def _clean(self, before: datetime, *, dry_run: bool) -> int:
        async with self._lock:
            with ExitStack() as stack:
                held = await asyncio.to_thread(stack.enter_context, self._seals.held())
                floor = await self._newest_before(held.seal, before)
                first = held.seal.floor.number + 1
                if dry_run:
                    return floor.number - first + 1
                if floor.number >= first:
                    await self._tell_of_removal(held, first, floor, before)
                # Also when there is nothing new: a process may have died before it came to this.
                await self._log.remove_audit_rows(held.seal.chain, up_to=held.seal.floor.number)
                return floor.number - first + 1

    async def _newest_before(self, seal: Seal, before: datetime) -> Head:
        checker, newest = Checker(seal), seal.floor
        async for row in self._rows(seal):
            if checker.reject(row):
                raise StorageCorruptError(
                    f"Row {row.number} of the audit trail, or one before it, is not as it was written. Nothing was "
                    "removed.",
                    remedy="`atmos-ai permissions audit verify` checks the rows.",
                )
            if not is_written_before(row.entry, before):
                break
            newest = Head(number=row.number, code=row.code)
        return newest

    async def _tell_of_removal(self, held: HeldSeal, first: int, floor: Head, before: datetime) -> None:
        """Writes down what will be removed, then where the chain begins from then on."""
        if held.seal.announced is not None:
            await self._settle(held)
        time = before.isoformat(timespec="seconds")
        told = AuditEntry(
            time=self._clock.now().isoformat(),
            reason=f"rows {first} to {floor.number}, from before {time}, were removed",
            outcome=Outcome.CLEANED,
        )
        await self._append(held, told)
        seal = dataclasses.replace(held.seal, floor=floor, floor_time=time)
        await asyncio.to_thread(held.save, seal, is_durable=True)

    async def _settle(self, held: HeldSeal) -> None:
        """Finds out what became of the row that was announced last; who announced it has gone."""
        announced = held.seal.announced
        assert announced is not None  # noqa: S101 - the caller looked
        found = await self._log.audit_rows(held.seal.chain, after=announced.number - 1, limit=1)
        if found and found[0].number == announced.number and found[0].code == announced.code:
            held.save(dataclasses.replace(held.seal, head=announced, announced=None))
            return
        lost = AuditEntry(
            time=self._clock.now().isoformat(),
            reason=f"row {announced.number} was announced and not found",
            outcome=Outcome.LOST,
        )
        await self._append(held, lost)

    async def _append(self, held: HeldSeal, entry: AuditEntry) -> None:
        row = sealed(held.seal, held.seal.head, entry)
        head = Head(number=row.number, code=row.code)
        await asyncio.to_thread(held.save, dataclasses.replace(held.seal, announced=head))
        if not await self._log.append_audit_row(row):
            raise StorageCorruptError(
                f"The audit trail has a row {row.number} that was not written by this program. It was left as it is.",
                remedy="`atmos-ai permissions audit verify` checks the rows.",
            )
        await asyncio.to_thread(held.save, dataclasses.replace(held.seal, head=head, announced=None))
