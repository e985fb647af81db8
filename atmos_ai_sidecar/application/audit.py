"""The audit trail of one project: every decision is written down before its call runs, and again how it ended.

Guarantees: rows of one chain are written one after the other, also by several processes; a cancelled call does not
leave half a row; a row that was announced and not written, because its process died, is told of in the chain itself.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack
from typing import Any

from atmos_ai_sidecar.application.ports.audit_log import AuditLog, HeldSeal, SealStore
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.audit import (
    MAX_INPUT_CHARACTERS,
    AuditEntry,
    AuditRow,
    Checker,
    Head,
    Outcome,
    Seal,
    Verdict,
    sealed,
)
from atmos_ai_sidecar.domain.messages import ToolCall
from atmos_ai_sidecar.domain.permissions import Decision
from atmos_ai_sidecar.domain.requests import canonical_json, digest
from atmos_ai_sidecar.errors import StorageCorruptError

_PAGE = 1000
_AFTER_ALL = 2**62


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
        self._writing: set[asyncio.Task[None]] = set()

    def entry(self, call: ToolCall, decision: Decision, **fields: Any) -> AuditEntry:
        """What is written down about a decision about a call."""
        rule = decision.rule
        # The text of a remembered rule has values of the input.
        told = self._redact_json(
            {"reason": decision.reason, "rule": f"{rule.text} ({rule.file}:{rule.line})" if rule.file else rule.text}
        )
        shown = canonical_json(self._redact_json(dict(call.input)))
        return AuditEntry(
            time=self._clock.now().isoformat(),
            tool_call_id=call.id,
            tool=call.name,
            input_digest=digest(call.name, canonical_json(call.input)),
            input=shown[:MAX_INPUT_CHARACTERS],
            decision=decision.kind.value,
            reason=told["reason"],
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
        writing = asyncio.create_task(self._write(entry))
        self._writing.add(writing)
        writing.add_done_callback(self._writing.discard)
        await asyncio.shield(writing)

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
            found += [row for row in page if not session_id or f'"session_id":"{session_id}"' in row.entry]
        return tuple(found[:limit])

    async def _rows(self, seal: Seal) -> AsyncIterator[AuditRow]:
        after = 0
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
