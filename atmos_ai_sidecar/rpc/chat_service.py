"""ChatService: conversations as structured events.

How a stream ends: the client detaches; or it sends no more and no turn runs any more; or it breaks the protocol, which
leaves a running turn alone; or the sidecar goes away. A client that is lost, which shows as a cancelled call, ends the
turn that it started, unless somebody else is attached to the session: nothing goes on that nobody watches. A turn that
shall outlive its client is left with ``detach{keep_running}``.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from grpc import aio

from atmos_ai_sidecar.application.broadcast import LOOK_SECONDS
from atmos_ai_sidecar.application.workspace import Workspace
from atmos_ai_sidecar.domain.events import SessionEvent, TurnFinished
from atmos_ai_sidecar.domain.sessions import Session, SessionId
from atmos_ai_sidecar.errors import (
    InvalidFieldError,
    RoleForbiddenError,
    SessionNotFoundError,
    ShuttingDownError,
    UnsupportedEventError,
)
from atmos_ai_sidecar.rpc.auth import Role, caller_role
from atmos_ai_sidecar.rpc.chat_events import proto_event
from atmos_ai_sidecar.rpc.departure import Departure
from atmos_ai_sidecar.rpc.event_ids import EventIds
from atmos_ai_sidecar.rpc.grpc_types import Context
from atmos_ai_sidecar.rpc.guard import unwrapped
from atmos_ai_sidecar.rpc.parts import ServerParts
from atmos_ai_sidecar.rpc.sending import Sender
from atmos_ai_sidecar.rpc.shared_workspace import SharedWorkspace
from atmos_ai_sidecar.rpc.streams import first_event, next_event
from atmos_ai_sidecar.rpc.values import proto_text, proto_time
from atmos_ai_sidecar.rpc.waiting import within
from atmos_ai_sidecar.v1 import chat_service_pb2 as pb


class ChatService:
    """Answers Chat and CancelTurn; see the contract."""

    def __init__(self, parts: ServerParts, workspace: SharedWorkspace, departure: Departure) -> None:
        self._parts = parts
        self._workspace = workspace
        self._departure = departure
        self._event_ids = EventIds()
        self._attached: Counter[SessionId] = Counter()

    async def chat(self, _requests: object, context: Context) -> None:
        request = await first_event(context, self._parts.clock, "attach")
        workspace = await self._workspace.get()
        session, is_created = await _session(workspace, request.attach)
        async with Sender(context) as sender:
            stream = _ChatStream(
                parts=self._parts,
                workspace=workspace,
                session=session,
                event_ids=self._event_ids,
                attached=self._attached,
                context=context,
                sender=sender,
            )
            await stream.run(request, self._departure, is_created=is_created)

    async def cancel_turn(self, request: Any, _context: object) -> Any:
        workspace = await self._workspace.get()
        is_cancelled = await workspace.chat.cancel_turn(SessionId(request.session_id))
        return pb.CancelTurnResponse(cancelled=is_cancelled)


async def _session(workspace: Workspace, attach: Any) -> tuple[Session, bool]:
    """The session to attach to, and whether it was created for that."""
    match attach.WhichOneof("session"):
        case "session_id":
            return await workspace.sessions.get(SessionId(attach.session_id)), False
        case "session_name":
            return await workspace.sessions.resume_or_create(attach.session_name)
        case _:
            raise InvalidFieldError("attach.session", "must name a session by session_id or session_name")


class _ChatStream:
    """One attached client: a task that sends events and one that takes them."""

    def __init__(
        self,
        *,
        parts: ServerParts,
        workspace: Workspace,
        session: Session,
        event_ids: EventIds,
        attached: Counter[SessionId],
        context: Context,
        sender: Sender,
    ) -> None:
        self._clock = parts.clock
        self._approvals = parts.approvals
        self._workspace = workspace
        self._chat = workspace.chat
        self._session = session
        self._event_ids = event_ids
        self._attached = attached
        self._context = context
        self._sender = sender
        self._role = caller_role.get()
        self._own_turn = ""
        self._sent_seq = 0
        self._progress = asyncio.Event()

    async def run(self, request: Any, departure: Departure, *, is_created: bool) -> None:
        """Returns, or raises, when the stream shall end."""
        attach = request.attach
        last_seq = await self._chat.last_seq(self._session.id)
        self._sent_seq = _starting_point(attach, last_seq)
        async with self._chat.events(self._session.id, after_seq=self._sent_seq, follows_others=True) as events:
            self._attached[self._session.id] += 1
            try:
                await self._greet(last_seq, is_created=is_created)
                await self._tell_gap(last_seq)
                with departure.to_tell() as tell:
                    await self._exchange(request, events, departure, tell)
            except BaseException as error:
                if isinstance(unwrapped(error), (asyncio.CancelledError, aio.BaseError)):
                    await asyncio.shield(self._abandon())
                raise
            finally:
                self._attached[self._session.id] -= 1
                if not self._attached[self._session.id]:
                    del self._attached[self._session.id]

    async def _greet(self, last_seq: int, *, is_created: bool) -> None:
        attached = pb.ChatResponse.Attached(
            session_id=self._session.id,
            session_name=proto_text(self._session.name),
            last_seq=last_seq,
            turn_in_progress=self._chat.is_running(self._session.id)
            or await self._chat.is_running_elsewhere(self._session.id),
            created=is_created,
        )
        await self._send_own(attached=attached)

    async def _tell_gap(self, last_seq: int) -> None:
        """Says at once that the journal has forgotten what the client missed, though nothing may follow."""
        if self._sent_seq == last_seq:
            return
        first_seq = await self._chat.first_seq(self._session.id, after_seq=self._sent_seq)
        if first_seq > self._sent_seq + 1:
            await self._send_own(replay_gap=pb.ChatResponse.ReplayGap(first_seq=first_seq))
            self._sent_seq = first_seq - 1

    async def _exchange(
        self, request: Any, events: AsyncIterator[SessionEvent], departure: Departure, tell: Callable[[], None]
    ) -> None:
        async with asyncio.TaskGroup() as tasks:
            is_present = request.attach.interactive and self._role is Role.OWNER
            gone = tasks.create_task(departure.wait_begun())
            helpers = [gone, tasks.create_task(self._send_events(events))]
            if is_present:
                helpers.append(tasks.create_task(self._stay_present()))
            client = tasks.create_task(self._listen(request.event_id))
            await asyncio.wait((client, gone), return_when=asyncio.FIRST_COMPLETED)
            if not client.done():
                client.cancel()
                await self._send_own(going_away=pb.ChatResponse.GoingAway(message="The sidecar is shutting down."))
                tell()
                await self._wait_quiet()
                raise ShuttingDownError
            for helper in helpers:
                helper.cancel()

    async def _listen(self, attach_id: str) -> None:
        """Takes the client's events; returns when the stream shall end."""
        while (request := await next_event(self._context)) is not None:
            is_repeated = bool(attach_id) and request.event_id == attach_id
            if is_repeated or not self._event_ids.take(self._session.id, request.event_id):
                continue
            match request.WhichOneof("event"):
                case "user_message":
                    await self._start_turn(request.event_id, request.user_message)
                case "cancel_turn":
                    await self._chat.cancel_turn(self._session.id)
                case "detach":
                    if not request.detach.keep_running and await self._chat.cancel_turn(self._session.id):
                        await self._wait_quiet()
                    return
                case unknown:
                    raise UnsupportedEventError(unknown or "unknown")
        await self._wait_quiet()

    async def _start_turn(self, event_id: str, message: Any) -> None:
        try:
            if self._role is not Role.OWNER and self._workspace.permissions.mode == "yolo":
                raise RoleForbiddenError("A turn under YOLO", self._role.value)  # noqa: TRY301 - forgets the event too
            self._own_turn = await self._chat.start_turn(self._session.id, message.text, model=message.model)
        except BaseException:
            self._event_ids.release(self._session.id, event_id)
            raise

    async def _send_events(self, events: AsyncIterator[SessionEvent]) -> None:
        async for event in events:
            if event.seq > self._sent_seq + 1:
                await self._send_own(replay_gap=pb.ChatResponse.ReplayGap(first_seq=event.seq))
            await self._sender.send(proto_event(event))
            if isinstance(event.event, TurnFinished) and event.turn_id == self._own_turn:
                self._own_turn = ""
            self._sent_seq = event.seq
            self._progress.set()

    async def _send_own(self, **event: Any) -> None:
        """Sends something about the stream itself, which has no place in the journal."""
        await self._sender.send(pb.ChatResponse(event_time=proto_time(self._clock.now()), **event))

    async def _stay_present(self) -> None:
        """Counts the client as somebody who can answer; the questions reach it as events of the turn."""
        with self._approvals.attach("chat client", session_id=self._session.id) as prompter:
            async for _ in prompter:
                pass

    async def _wait_quiet(self) -> None:
        """Returns when no turn runs and everything that the journal holds is sent."""
        while self._chat.is_running(self._session.id):
            await self._wait_progress()
        while await self._chat.is_running_elsewhere(self._session.id):
            with suppress(TimeoutError):
                await within(self._clock, LOOK_SECONDS, self._wait_progress())
        last_seq = await self._chat.last_seq(self._session.id)
        while self._sent_seq < last_seq:
            await self._wait_progress()

    async def _wait_progress(self) -> None:
        self._progress.clear()
        await self._progress.wait()

    async def _abandon(self) -> None:
        """Ends the lost client's own turn when nobody else is attached."""
        if self._own_turn and self._attached[self._session.id] == 1:
            with suppress(SessionNotFoundError):
                await self._chat.cancel_turn(self._session.id)


def _starting_point(attach: Any, last_seq: int) -> int:
    """The sequence number after which events are sent.

    Raises:
        InvalidFieldError: The journal never came that far.
    """
    if not attach.HasField("resume_after_seq"):
        return last_seq
    if not 0 <= attach.resume_after_seq <= last_seq:
        raise InvalidFieldError(
            "attach.resume_after_seq", f"is {attach.resume_after_seq}, but the newest event is {last_seq}"
        )
    return int(attach.resume_after_seq)
