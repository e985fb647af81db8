"""Turns of sessions: started, run, cancelled, and told to everybody who listens."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from atmos_ai_sidecar.application.ports.approver import Attendance
from atmos_ai_sidecar.domain.events import SessionEvent
from atmos_ai_sidecar.domain.sessions import SessionId


class Chat(Protocol):
    """Runs turns: at most one in a session at a time.

    Guarantees: what the user said is stored before the model is asked; every event is journalled before anybody sees
    it; a turn ends with exactly one TurnFinished, whatever happens; slow listeners never hold a turn up.
    """

    async def start_turn(
        self,
        session_id: SessionId,
        text: str,
        *,
        model: str = "",
        run_id: str = "",
        attendance: Attendance = Attendance.NOBODY,
        max_steps: int | None = None,
        with_tools: bool = True,
    ) -> str:
        """Starts a turn in the background and returns its id.

        Raises:
            InvalidFieldError, SessionNotFoundError, TurnInProgressError, ModelNotConfiguredError, ShuttingDownError
        """
        ...

    async def cancel_turn(self, session_id: SessionId) -> bool:
        """Cancels the running turn; False when none runs. TurnFinished follows."""
        ...

    def is_running(self, session_id: SessionId) -> bool: ...

    async def last_seq(self, session_id: SessionId) -> int:
        """The newest sequence number of the session's journal."""
        ...

    def events(
        self, session_id: SessionId, *, after_seq: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[SessionEvent]]:
        """Events after ``after_seq`` from the journal and then live ones, without gap or duplicate; None: live only.

        A listener that is slow reads what it missed from the journal. Entering the context fixes the starting point.
        """
        ...
