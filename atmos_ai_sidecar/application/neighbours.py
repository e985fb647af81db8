"""Other processes on the same store: who runs a turn in a session, and the end of what a dead one left there."""

from atmos_ai_sidecar.application.ports.journal import Journal
from atmos_ai_sidecar.application.ports.owners import Owners
from atmos_ai_sidecar.application.recovery import Recovery
from atmos_ai_sidecar.domain.sessions import SessionId


class Neighbours:
    """The other processes that share the store of this one."""

    def __init__(self, journal: Journal, owners: Owners, recovery: Recovery, *, owner: str) -> None:
        self._journal = journal
        self._owners = owners
        self._recovery = recovery
        self._owner = owner

    async def is_running(self, session_id: SessionId) -> bool:
        """Whether a living process other than this one runs a turn in the session.

        A turn whose process has died is ended as interrupted before this returns.

        Raises:
            StorageBusyError, StorageUnavailableError and their kin
        """
        others = [turn for turn in await self._journal.open_turns() if turn.owner != self._owner]
        here = [turn for turn in others if turn.session_id == session_id]
        if any(self._owners.is_alive(turn.owner) for turn in here):
            return True
        if here:
            await self._recovery.recover()
        return False
