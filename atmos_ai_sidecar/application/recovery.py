"""What a process that died left behind: its turns are ended, told truthfully, and never run again."""

import logging
from collections.abc import Callable, Sequence

from atmos_ai_sidecar.application.broadcast import Broadcast
from atmos_ai_sidecar.application.left_calls import LeftCalls
from atmos_ai_sidecar.application.ports.approval_store import ApprovalStore, Settlement
from atmos_ai_sidecar.application.ports.clock import Clock
from atmos_ai_sidecar.application.ports.journal import Journal, OpenTurn
from atmos_ai_sidecar.application.ports.owners import Owners
from atmos_ai_sidecar.application.ports.session_store import SessionStore
from atmos_ai_sidecar.domain.events import (
    ModelRetrying,
    SessionEvent,
    StopReason,
    TextDelta,
    ToolCallFinished,
    TurnFinished,
    UsageReported,
)
from atmos_ai_sidecar.domain.history import LOST_RESULT
from atmos_ai_sidecar.domain.messages import Message, Role, Text, ToolResult
from atmos_ai_sidecar.domain.requests import Answer
from atmos_ai_sidecar.domain.tools import Result

_LOG = logging.getLogger(__name__)
_PAGE = 1000
_MESSAGE = "The assistant's process ended in the middle of this turn. What was said and done until then is kept."


class Recovery:
    """Ends the turns and questions of dead processes, each turn once. Turns of living ones are left alone."""

    def __init__(
        self,
        *,
        store: SessionStore,
        journal: Journal,
        approvals: ApprovalStore,
        broadcast: Broadcast,
        owners: Owners,
        owner: str,
        clock: Clock,
        left_calls: LeftCalls,
    ) -> None:
        self._store = store
        self._journal = journal
        self._approvals = approvals
        self._broadcast = broadcast
        self._owners = owners
        self._owner = owner
        self._clock = clock
        self._left_calls = left_calls

    async def recover(self) -> int:
        """Ends what the dead have left, and returns how many turns that were."""
        open_turns = await self._journal.open_turns()
        dead = [turn for turn in open_turns if not self._owners.is_alive(turn.owner)]
        for owner in {turn.owner for turn in dead}:
            for request in await self._approvals.pending_of_owner(owner):
                settlement = Settlement(
                    outcome=Answer.CANCELLED, resolved_by="recovery", resolve_time=self._clock.now()
                )
                await self._approvals.settle_request(request.id, settlement)
        # Another process may start at this moment and find the same turns.
        return sum([await self.end(turn) for turn in dead])

    async def end(self, turn: OpenTurn) -> bool:
        """Ends a turn that nobody runs as interrupted; False when another process was faster."""
        is_mine = await self._journal.take_over_turn(
            turn.session_id, turn.turn_id, owner=self._owner, previous_owner=turn.owner
        )
        if is_mine:
            await self._interrupt(turn)
        return is_mine

    async def _interrupt(self, turn: OpenTurn) -> None:
        _LOG.warning("turn %s of session %s was cut off and is ended", turn.turn_id, turn.session_id)
        events = await self._events_of(turn)
        stored = await self._store.newest_messages(turn.session_id, 0)
        missing = missing_messages(
            turn.turn_id, [event.event for event in events], stored, result_of=self._left_calls.result_of
        )
        if missing:
            await self._store.append_messages(turn.session_id, missing)
        results = [result for message in (*stored, *missing) for result in message.tool_results]
        self._left_calls.told(result.tool_call_id for result in results)
        finished = TurnFinished(stop_reason=StopReason.INTERRUPTED, reason="INTERRUPTED", message=_MESSAGE)
        await self._broadcast.publish(turn.session_id, turn.turn_id, (finished,))

    async def _events_of(self, turn: OpenTurn) -> Sequence[SessionEvent]:
        events: list[SessionEvent] = []
        after = 0
        while page := await self._journal.read_events(turn.session_id, after_seq=after, limit=_PAGE):
            events.extend(event for event in page if event.turn_id == turn.turn_id)
            after = page[-1].seq
        return events


def missing_messages(
    turn_id: str,
    events: Sequence[object],
    stored: Sequence[Message],
    *,
    result_of: Callable[[str], Result | None] = lambda _: None,
) -> Sequence[Message]:
    """What the journal of a turn knows and its stored messages do not: results of calls, or half an answer.

    ``result_of`` says what is known of a call that the journal knows no end of.
    """
    mine = [message for message in stored if message.turn_id == turn_id]
    last = mine[-1] if mine else None
    if last is not None and last.role is Role.ASSISTANT and last.tool_calls:
        known = {
            event.tool_result.tool_call_id: event.tool_result for event in events if isinstance(event, ToolCallFinished)
        }
        results = tuple(
            known.get(call.id) or ToolResult(tool_call_id=call.id, result=result_of(call.id) or LOST_RESULT)
            for call in last.tool_calls
        )
        return (Message(role=Role.USER, blocks=results, turn_id=turn_id),)
    finished_steps = sum(message.usage is not None for message in mine)
    if finished_steps > sum(isinstance(event, UsageReported) for event in events):
        return ()  # the text belongs to a step that is stored and whose end the journal missed
    said = _unfinished_text(events)
    if not said.strip() or (last is not None and last.role is Role.ASSISTANT and last.text.startswith(said)):
        return ()
    return (Message(role=Role.ASSISTANT, blocks=(Text(text=said),), turn_id=turn_id),)


def _unfinished_text(events: Sequence[object]) -> str:
    """Text that was streamed after the last step that came to its end."""
    said = ""
    for event in events:
        if isinstance(event, TextDelta):
            said += event.text
        elif isinstance(event, (UsageReported, ModelRetrying)):
            said = ""
    return said
