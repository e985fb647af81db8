"""Permission requests: created, offered and settled here and nowhere else.

Guarantees: one answer settles one request; the first answer wins, also between prompters that race; every prompter
that was offered a request hears how it was settled; a request whose turn is cancelled is settled as cancelled; a
request that nobody can answer is settled at once as unattended, so that nothing waits for ever. An answer comes only
through ``answer``: what somebody else writes into the store lets nothing run.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import field
from datetime import timedelta

from atmos_ai_sidecar.application.ports.approval_store import ApprovalStore, Settlement
from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.domain.grants import Grant
from atmos_ai_sidecar.domain.requests import Answer, Option, PermissionRequest
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    InvalidPageTokenError,
    PermissionAlreadyResolvedError,
    PermissionElsewhereError,
    PermissionExpiredError,
    PermissionRequestNotFoundError,
)
from atmos_ai_sidecar.lazy_dataclasses import dataclass

EXPIRY = timedelta(hours=12)
PROMPTER_GRACE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A pending request is offered."""

    request: PermissionRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """An offered request needs no answer any more."""

    request: PermissionRequest


ApprovalEvent = Question | Settled


@dataclass(eq=False, slots=True, kw_only=True)
class Prompter:
    """Somebody who can answer. Iterate over it for questions and settlements."""

    name: str
    run_id: str = ""
    session_id: str = ""
    _events: asyncio.Queue[ApprovalEvent] = field(default_factory=asyncio.Queue)

    def accepts(self, request: PermissionRequest) -> bool:
        return self.run_id in {"", request.run_id} and self.session_id in {"", request.session_id}

    def offer(self, event: ApprovalEvent) -> None:
        self._events.put_nowait(event)

    async def __aiter__(self) -> AsyncIterator[ApprovalEvent]:
        while True:
            yield await self._events.get()


@dataclass(eq=False, slots=True, kw_only=True)
class _Pending:
    request: PermissionRequest
    store: ApprovalStore
    remember: Callable[[Grant], object]
    grants: dict[str, Grant]
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Approvals:
    """All permission requests of this process. Use on one event loop."""

    def __init__(self, *, clock: Clock, owner: str) -> None:
        self._clock = clock
        self._owner = owner
        self._pending: dict[str, _Pending] = {}
        self._prompters: list[Prompter] = []
        self._stores: list[ApprovalStore] = []
        self._listeners: list[Callable[[ApprovalEvent], None]] = []
        self._attendance_changed = asyncio.Event()

    def add_store(self, store: ApprovalStore) -> None:
        """Makes the requests of a store known; call it once a store."""
        self._stores.append(store)

    def remove_store(self, store: ApprovalStore) -> None:
        self._stores.remove(store)

    def add_listener(self, listener: Callable[[ApprovalEvent], None]) -> None:
        """Calls back for every question and settlement; a listener cannot answer."""
        self._listeners.append(listener)

    def remove_listener(self, listener: Callable[[ApprovalEvent], None]) -> None:
        self._listeners.remove(listener)

    @contextmanager
    def attach(self, name: str, *, run_id: str = "", session_id: str = "") -> Iterator[Prompter]:
        """A prompter that is offered what is pending and what comes, until the context ends."""
        prompter = Prompter(name=name, run_id=run_id, session_id=session_id)
        self._prompters.append(prompter)
        for pending in self._pending.values():
            if prompter.accepts(pending.request):
                prompter.offer(Question(request=pending.request))
        self._change_attendance()
        try:
            yield prompter
        finally:
            self._prompters.remove(prompter)
            self._change_attendance()

    async def ask(
        self,
        request: PermissionRequest,
        *,
        store: ApprovalStore,
        attendance: Attendance,
        remember: Callable[[Grant], object],
        grants: dict[str, Grant],
    ) -> PermissionRequest:
        """Stores and offers a request and waits until it is settled.

        Args:
            request: The pending request.
            store: Where it is kept.
            attendance: Whether somebody can be expected to answer.
            remember: Stores the grant of an "always" answer.
            grants: The grant of each option id that is remembered.

        Returns:
            The settled request.
        """
        pending = _Pending(request=request, store=store, remember=remember, grants=grants)
        await store.add_request(request, owner=self._owner)
        self._pending[request.id] = pending
        try:
            was_offered = self._publish(Question(request=request))
            await self._wait(pending, attendance, was_offered=was_offered)
        except asyncio.CancelledError:
            await asyncio.shield(self._settle(pending, Answer.CANCELLED, "turn"))
            raise
        finally:
            self._pending.pop(request.id, None)
        return pending.request

    async def answer(
        self, request_id: str, option_id: str, *, shown_digest: str, comment: str = "", resolved_by: str
    ) -> PermissionRequest:
        """Settles a request with one of its options.

        Raises:
            PermissionRequestNotFoundError: There is no such request.
            InvalidFieldError: The option is not offered, or the digest is not the one of the request.
            PermissionAlreadyResolvedError: It was settled otherwise; the same answer again is no error.
            PermissionExpiredError: Nobody answered in time, or another sidecar asks it.
        """
        pending = self._pending.get(request_id)
        request = pending.request if pending else await self.get(request_id)
        option = request.option(option_id)
        if shown_digest != request.digest:
            raise InvalidFieldError("digest", "is not the one of the question that was shown")
        if pending is not None and request.outcome is None:
            settling = asyncio.create_task(self._settle(pending, option.answer, resolved_by, comment, option))
            request = await asyncio.shield(settling)  # a client that goes away does not halve its answer
        if request.outcome is None:
            raise PermissionElsewhereError(request_id)
        if request.outcome is Answer.EXPIRED:
            raise PermissionExpiredError(request_id)
        if request.outcome is not option.answer:
            raise PermissionAlreadyResolvedError(request_id, request.outcome.value)
        return request

    def is_asked_here(self, request_id: str) -> bool:
        """Whether this process waits for the answer, so that it can be given here."""
        return request_id in self._pending

    async def get(self, request_id: str) -> PermissionRequest:
        """The request of that id.

        Raises:
            PermissionRequestNotFoundError: There is none.
        """
        for store in self._stores:
            try:
                return await store.get_request(request_id)
            except PermissionRequestNotFoundError:
                continue
        raise PermissionRequestNotFoundError(request_id)

    async def list(
        self, *, session_id: str = "", pending_only: bool = False, limit: int, cursor: str = ""
    ) -> tuple[Sequence[PermissionRequest], str]:
        """One page of the stored requests, store by store and newest first in each, and the next cursor.

        Raises:
            InvalidPageTokenError: The cursor is none of this list.
        """
        number, _, inner = cursor.partition(":")
        if cursor and not number.isdecimal():
            raise InvalidPageTokenError
        found: list[PermissionRequest] = []
        for index in range(int(number or 0), len(self._stores)):
            page, inner = await self._stores[index].list_requests(
                session_id=session_id, pending_only=pending_only, limit=limit - len(found), cursor=inner
            )
            found += page
            if inner:
                return found, f"{index}:{inner}"
            if len(found) == limit and index + 1 < len(self._stores):
                return found, f"{index + 1}:"
        return found, ""

    async def _wait(self, pending: _Pending, attendance: Attendance, *, was_offered: bool) -> None:
        request = pending.request
        expiry = self._clock.monotonic() + EXPIRY.total_seconds()
        while not pending.settled.is_set():
            is_attended = attendance is Attendance.PRESENT or any(p.accepts(request) for p in self._prompters)
            was_offered = was_offered or is_attended
            remaining = expiry - self._clock.monotonic()
            if not is_attended:
                remaining = PROMPTER_GRACE_SECONDS if was_offered or attendance is Attendance.EXPECTED else 0.0
            if not await self._first_of(pending.settled, self._attendance_changed, seconds=remaining):
                await self._settle(pending, Answer.EXPIRED if was_offered else Answer.UNATTENDED, "sidecar")

    async def _first_of(self, settled: asyncio.Event, changed: asyncio.Event, *, seconds: float) -> bool:
        """Whether one of the events came within the time."""
        if seconds <= 0:
            return settled.is_set()
        events = [asyncio.create_task(settled.wait()), asyncio.create_task(changed.wait())]
        timer = asyncio.create_task(self._clock.sleep(seconds))
        try:
            await asyncio.wait([*events, timer], return_when=asyncio.FIRST_COMPLETED)
            return any(event.done() for event in events)
        finally:
            for task in (*events, timer):
                task.cancel()
            await asyncio.gather(*events, timer, return_exceptions=True)

    async def _settle(
        self,
        pending: _Pending,
        outcome: Answer,
        resolved_by: str,
        comment: str = "",
        option: Option | None = None,
    ) -> PermissionRequest:
        async with pending.lock:
            if pending.request.outcome is not None:
                return pending.request
            settlement = Settlement(
                outcome=outcome, resolved_by=resolved_by, resolve_time=self._clock.now(), comment=comment
            )
            stored = await pending.store.settle_request(pending.request.id, settlement)
            request = pending.request = _settled(pending.request, settlement, stored)
            pending.settled.set()
            self._publish(Settled(request=request))
            if option is not None and request.outcome is outcome and outcome.is_remembered:
                await asyncio.to_thread(pending.remember, pending.grants[option.id])
        return request

    def _publish(self, event: ApprovalEvent) -> bool:
        """Tells everybody; whether there was a prompter among them."""
        for listener in self._listeners:
            listener(event)
        prompters = [prompter for prompter in self._prompters if prompter.accepts(event.request)]
        for prompter in prompters:
            prompter.offer(event)
        return bool(prompters)

    def _change_attendance(self) -> None:
        self._attendance_changed.set()
        self._attendance_changed = asyncio.Event()


def _settled(asked: PermissionRequest, settlement: Settlement, stored: PermissionRequest) -> PermissionRequest:
    """The request as it was asked, with its settlement.

    Nothing else is taken from the store: others may write there. When it says that the request was settled before in
    another way, nobody who may answer said so here, and the call does not run.
    """
    outcome, by = settlement.outcome, settlement.resolved_by
    if stored.outcome is not outcome:
        outcome, by = Answer.CANCELLED, "sidecar"
    return dataclasses.replace(
        asked, outcome=outcome, resolved_by=by, resolve_time=settlement.resolve_time, comment=settlement.comment
    )
