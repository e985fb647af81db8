from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from atmos_ai_sidecar.domain.events import SessionEvent, TurnEvent
from atmos_ai_sidecar.domain.sessions import SessionId
from atmos_ai_sidecar.lazy_dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTurn:
    """A turn that was begun and has no end in the journal."""

    session_id: SessionId
    turn_id: str
    owner: str


class Journal(Protocol):
    """Every event of every turn, in order.

    1. ``seq`` increases by one per event within a session, from 1. 2. An event that was returned is durable.
    3. At most one turn of a session is open. 4. Appending TurnFinished ends the turn in the same transaction.
    5. What was forgotten leaves a gap before the events that are there; numbers are never given again.
    """

    async def begin_turn(self, session_id: SessionId, turn_id: str, owner: str) -> None:
        """Claims the session for one turn: a conditional write.

        Raises:
            TurnInProgressError: Another turn is open.
            SessionNotFoundError: There is no such session.
        """

    async def finish_turn(self, session_id: SessionId, turn_id: str) -> None:
        """Gives up a claim for which nothing was journalled; ending it twice does nothing."""

    async def open_turns(self) -> Sequence[OpenTurn]:
        """Turns that have not ended, of every owner."""

    async def take_over_turn(self, session_id: SessionId, turn_id: str, *, owner: str, previous_owner: str) -> bool:
        """Makes ``owner`` the owner of an open turn that still is ``previous_owner``'s: a conditional write.

        Of several that try at once exactly one gets True.
        """

    async def append_events(
        self, session_id: SessionId, turn_id: str, events: Sequence[TurnEvent]
    ) -> Sequence[SessionEvent]:
        """Appends all of them or none, and returns them with their sequence numbers."""

    async def read_events(self, session_id: SessionId, *, after_seq: int, limit: int) -> Sequence[SessionEvent]:
        """Events in order, from the one after ``after_seq`` on."""

    async def last_seq(self, session_id: SessionId) -> int:
        """The newest sequence number; 0 when there is none."""

    async def prune_events(self, session_id: SessionId, *, before: datetime, keep: int) -> None:
        """Forgets events of finished turns: here those beyond the newest ``keep``, everywhere old ones.

        In every session the turns go that ended before ``before``, some at a time: a long past needs several calls.
        An open turn keeps all of its events.
        """
